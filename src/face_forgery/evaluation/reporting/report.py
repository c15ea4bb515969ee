"""The report: one HTML file that opens without a network and says the same twice."""

import inspect
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from face_forgery.evaluation.reporting.sections import SECTIONS
from face_forgery.evaluation.reporting.sentences import (
    describe_decisions,
    describe_reach,
    describe_separation,
)

_TEMPLATE = "report.html.jinja"


def render_report(**results: Any) -> str:
    """Return the report as HTML: everything inside, nothing to fetch, no date.

    Args:
        results: Catalog entry -> value, for each name of ``sections.list_inputs``; the figures are
            encoded PNG files. What has not been measured yet is ``None``, and the page says so.

    Raises:
        KeyError: If a result is missing.
    """
    points, metrics = results["operating_points"], results["metrics"]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = resources.files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        counts=metrics["counts"],
        sentences=[
            describe_separation(metrics),
            describe_decisions(points),
            describe_reach(points),
        ],
        sections={
            title: list(
                show(**{name: results[name] for name in inspect.signature(show).parameters})
            )
            for title, show in SECTIONS.items()
        },
    )
