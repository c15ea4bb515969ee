"""The report: one HTML file that opens without a network and says the same twice."""

import inspect
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.evaluation.reporting.sections import SECTIONS
from face_forgery.evaluation.reporting.sentences import (
    describe_decisions,
    describe_reach,
    describe_separation,
)
from face_forgery.modeling.detector import Detector

Result = dict[str, Any]


def render_report(**results: Any) -> str:
    """Return the report as HTML: everything inside, nothing to fetch, no date.

    Args:
        results: Catalog entry -> value, for each name of ``sections.list_inputs``; the figures are
            encoded PNG files. What has not been measured yet is ``None``, and the page says so;
            so it does of what was measured on another detector or other images.

    Raises:
        KeyError: If a result is missing.
    """
    points, metrics, detector = (
        results[name] for name in ("operating_points", "metrics", "detector")
    )
    own = results | {
        "robustness": robustness_of(detector, results["robustness"]),
        "audit": audit_of(detector, results["audit"]),
        "cross_validation": cross_validation_of(
            detector, results["manifest"], results["cross_validation"]
        ),
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    source = resources.files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        counts=metrics["counts"],
        sentences=[
            describe_separation(metrics),
            describe_decisions(points),
            describe_reach(points),
        ],
        sections={
            title: list(show(**{name: own[name] for name in inspect.signature(show).parameters}))
            for title, show in SECTIONS.items()
        },
    )


def robustness_of(detector: Detector, robustness: Result | None) -> Result | None:
    """Return ``robustness`` unless it was measured on another detector."""
    is_of = robustness is not None and robustness["detector"] == detector.identity()
    return robustness if is_of else None


def audit_of(detector: Detector, audit: Result | None) -> Result | None:
    """Return ``audit`` unless it is about other images than the detector was made with."""
    is_of = audit is not None and audit["data_fingerprint"] == detector.data_fingerprint
    return audit if is_of else None


def cross_validation_of(
    detector: Detector, manifest: pd.DataFrame, result: Result | None
) -> Result | None:
    """Return ``result`` unless it was measured with other settings or on other images."""
    if result is None or result["image_size"] != detector.preprocessing.image_size:
        return None
    for section, values in result["recipe"].items():
        own = detector.training.get(section, {})
        if any(own.get(name) != value for name, value in values.items()):
            return None
    labelled = manifest[manifest["subset"] != "test"]
    return result if result["data_fingerprint"] == fingerprint_sets(labelled=labelled) else None
