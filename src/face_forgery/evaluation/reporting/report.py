"""The report, one HTML file that opens without a network, and the model card, in Markdown."""

import base64
import json
from dataclasses import asdict
from functools import partial
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from jinja2.meta import find_undeclared_variables

from face_forgery.data.labels.manifest import fingerprint_sets
from face_forgery.data.splits.calibration_split import select_verification
from face_forgery.evaluation.consequences import count_errors, expect
from face_forgery.evaluation.reporting import sentences, testing_sentences
from face_forgery.evaluation.reporting.translation import Translator
from face_forgery.evaluation.usability import RULES, Usability, rate_usability
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.provenance import Language

Result = dict[str, Any]
_REPORT = "report.html.jinja"


def render_report(language: Language = "en", **results: Any) -> str:
    """Return the report as HTML: everything inside, nothing to fetch; figures are in English.

    ``results`` are by catalog entry, for each name of ``list_inputs``; the figures are encoded PNG
    files. What has not been measured yet is ``None``, and the page says so; so it does of what was
    measured on another detector or other images.

    Raises:
        UndefinedError: If a result is missing.
    """
    return _make_environment(language).get_template(_REPORT).render(results)


def render_model_card(language: Language = "en", **results: Any) -> str:
    """Return the model card: what a detector is, how well it works and where it does not.

    Markdown after Hugging Face's model cards: metadata in YAML, then sections that their page and
    tools know by name. ``results`` are ``detector``, ``metrics``, ``operating_points``,
    ``breakdown``, ``data_report``, ``audit`` and ``robustness``, as for the report.
    """
    return _make_environment(language).get_template("model_card.md.jinja").render(results)


def list_inputs() -> list[str]:
    """Names of the catalog entries that the report reads, and of sections of the parameters."""
    environment = _make_environment("en")
    source = resources.files(__package__).joinpath(_REPORT).read_text(encoding="utf-8")
    return sorted(find_undeclared_variables(environment.parse(source)))


def _make_environment(language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("face_forgery.evaluation.reporting", "."),
        autoescape=select_autoescape(("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "t": Translator(language),
        "thousands": "{:,}".format,
        "number": sentences.format_number,
        "percent": sentences.format_percent,
        "interval": sentences.format_interval,
        "base64": lambda png: base64.b64encode(png).decode(),
        "cell": _escape_cell,
        "json": partial(json.dumps, indent=2, sort_keys=True),
    }
    functions = (
        *(robustness_of, testing_of, audit_of, cross_validation_of, list_facts, judge_detector),
        *(take_drawn, errors_of, expect, sentences.promises_of),
    )
    environment.globals |= {function.__name__: function for function in functions}
    environment.globals |= {"say": sentences, "tested": testing_sentences}
    environment.globals |= {"rules": RULES, "language": language}
    return environment


def _escape_cell(text: str) -> str:
    """Return a user's name as it can stand in a cell of a Markdown table."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\|`*_[]<>#!" else c for c in flat)


def take_drawn(mistakes: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the mistakes that the figure shows."""
    # Not at the top: the wiring reads this module, and needs no matplotlib.
    from face_forgery.evaluation.reporting.image_figures import DRAWN

    return mistakes.groupby("target", sort=True).head(DRAWN)


def judge_detector(
    detector: Detector,
    *,
    metrics: Result,
    operating_points: Result,
    robustness: Result | None,
    audit: Result | None,
    language: Language = "en",
) -> Usability:
    """Return the rating by what was measured on this detector and these images."""
    return rate_usability(
        metrics,
        operating_points,
        training_data=detector.training_data,
        robustness=robustness_of(detector, robustness),
        audit=audit_of(detector, audit),
        language=language,
    )


def list_findings(usability: Usability) -> list[str]:
    """Return the rating in lines: the headline, then a line a finding, each with its mark."""
    words = sentences.LEVEL_WORDS
    findings = [f"{words[one.level].mark} {one.sentence}" for one in usability.findings]
    return [" ".join(words[usability.level]), *findings]


def errors_of(val_scores: pd.DataFrame, operating_points: Result, confidence: float) -> Result:
    """Return the errors on images that the thresholds were not chosen on."""
    held_back = select_verification(val_scores, is_verified=operating_points["is_verified"])
    return count_errors(held_back, operating_points, confidence=confidence)


def list_facts(detector: Detector, code_version: dict[str, Any]) -> dict[str, Any]:
    """Return what was judged, and by which code: name -> fact."""
    facts = {
        "architecture": detector.architecture,
        "parameters": f"{detector.count_parameters():,}",
        "input": f"{detector.preprocessing.image_size} pixels",
        "forward passes an image": detector.num_passes,
        "chosen epoch": detector.epoch or None,  # an ensemble has none, nor what others trained
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


def testing_of(detector: Detector, testing: Result | None) -> Result | None:
    """Return ``testing`` unless it has no set, another detector or other thresholds."""
    if testing is None or not testing["rows"] or testing["detector"] != detector.identity():
        return None
    points = detector.operating_points
    same = points is not None and testing["operating_points"] == asdict(points)
    return testing if same else None


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
