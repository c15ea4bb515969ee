"""The report, one HTML file that opens without a network, and the model card, in Markdown."""

import base64
import json
from functools import partial
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2.meta import find_undeclared_variables

from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.evaluation.reporting import sentences
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.ensemble import Ensemble

Result = dict[str, Any]
_REPORT = "report.html.jinja"


def render_report(**results: Any) -> str:
    """Return the report as HTML: everything inside, nothing to fetch, no date.

    Args:
        results: Catalog entry -> value, for each name of ``list_inputs``; the figures are encoded
            PNG files. What has not been measured yet is ``None``, and the page says so; so it does
            of what was measured on another detector or other images.

    Raises:
        UndefinedError: If a result is missing.
    """
    return _make_environment().get_template(_REPORT).render(results)


def render_model_card(detector: Detector, **results: Any) -> str:
    """Return the model card: what a detector is, how well it works and where it does not.

    Markdown after Hugging Face's model cards: metadata in YAML, then sections that their page and
    tools know by name.

    Args:
        detector: Certified.
        results: ``metrics``, ``operating_points``, ``breakdown``, ``data_report``, ``audit`` and
            ``robustness``, as for the report.
    """
    template = _make_environment().get_template("model_card.md.jinja")
    return template.render(results, detector=detector)


def list_inputs() -> list[str]:
    """Names of the catalog entries that the report reads."""
    environment = _make_environment()
    source = resources.files(__package__).joinpath(_REPORT).read_text(encoding="utf-8")
    return sorted(find_undeclared_variables(environment.parse(source)))


def _make_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("face_forgery.evaluation.reporting", "."),
        autoescape=select_autoescape(("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "thousands": "{:,}".format,
        "number": sentences.format_number,
        "percent": sentences.format_percent,
        "interval": _format_interval,
        "base64": lambda png: base64.b64encode(png).decode(),
        "cell": _escape_cell,
        "json": partial(json.dumps, indent=2, sort_keys=True),
    }
    own = (robustness_of, audit_of, cross_validation_of, list_drawn, list_facts)
    environment.globals |= {"say": sentences} | {function.__name__: function for function in own}
    return environment


def _escape_cell(text: str) -> str:
    """Return a user's name as it can stand in a cell of a Markdown table."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\|`*_[]<>#!" else c for c in flat)


def _format_interval(measured: Result, *, percent: bool = False) -> str:
    """The ends of an interval; empty where nothing was measured."""
    write = sentences.format_percent if percent else sentences.format_number
    if measured["value"] is None:
        return ""
    return f"{write(measured['low'])} to {write(measured['high'])}"


def list_drawn(mistakes: pd.DataFrame) -> list[Any]:
    """Return the rows of the mistakes that the figure shows."""
    # Not at the top: the wiring reads this module, and needs no matplotlib.
    from face_forgery.evaluation.reporting.image_figures import DRAWN

    return mistakes.groupby("target", sort=True).head(DRAWN).to_dict("records")


def list_facts(detector: Detector, code_version: dict[str, Any]) -> dict[str, Any]:
    """Return what was judged, and by which code: name -> fact."""
    facts = {
        "architecture": detector.architecture,
        "parameters": f"{detector.count_parameters():,}",
        "input": f"{detector.preprocessing.image_size} pixels",
        "forward passes an image": detector.num_passes,
        "chosen epoch": None if isinstance(detector, Ensemble) else detector.epoch,
        "data fingerprint": detector.data_fingerprint,
    }
    versions = {
        name.replace("_", " "): "unknown" if version is None else version
        for name, version in code_version.items()
    }
    return {name: fact for name, fact in facts.items() if fact is not None} | versions


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
