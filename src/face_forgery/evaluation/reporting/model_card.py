"""The model card: what a detector is, how well it works and where it does not, as Markdown.

The layout is that of Hugging Face's model cards: metadata in YAML, then sections that their page
and tools know by name.
"""

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from face_forgery.evaluation.reporting.report import audit_of, robustness_of
from face_forgery.evaluation.reporting.sentences import (
    METRIC_WORDS,
    describe_decisions,
    describe_reach,
    describe_robustness,
    describe_separation,
    describe_shortcuts,
    describe_thresholds,
    format_number,
    format_percent,
    list_promises,
    note_limits,
)
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.ensemble import Ensemble


def render_model_card(
    detector: Detector,
    *,
    metrics: dict[str, Any],
    operating_points: dict[str, Any],
    breakdown: list[dict[str, Any]],
    data_report: dict[str, Any],
    audit: dict[str, Any] | None,
    robustness: dict[str, Any] | None,
) -> str:
    """Return the model card.

    Args:
        detector: Certified.
        metrics: What ``metric_report.evaluate`` returns.
        operating_points: What ``operating_points.set_operating_points`` returns.
        breakdown: What ``breakdown.break_down`` returns.
        data_report: What ingestion says of the set.
        audit: What the pipeline of that name writes; ``None``: not made. Shown only if it is about
            the images that the detector was made with.
        robustness: Likewise; shown only if it was measured on this detector.
    """
    # Markdown: names of users are escaped by the filter `cell`.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters |= {
        "number": format_number,
        "percent": format_percent,
        "cell": _escape_cell,
    }
    audit, robustness = audit_of(detector, audit), robustness_of(detector, robustness)
    source = resources.files(__package__).joinpath("model_card.md.jinja").read_text("utf-8")
    return environment.from_string(source).render(
        name=f"face-forgery-{detector.architecture.replace(' ', '')}",
        detector=detector,
        members=_describe_members(detector),
        num_parameters=detector.count_parameters(),
        identity=detector.identity(),
        training_parameters=json.dumps(detector.training, indent=2, sort_keys=True),
        sentences=[describe_separation(metrics), describe_decisions(operating_points)],
        limitations=[describe_reach(operating_points), *note_limits(operating_points)],
        measured=[
            (key, name, metrics[key])
            for key, (name, _) in METRIC_WORDS.items()
            if metrics[key]["value"] is not None
        ],
        counts=metrics["counts"],
        confidence=metrics["bootstrap"]["confidence"],
        thresholds=describe_thresholds(operating_points),
        promises=list_promises(operating_points),
        breakdown=breakdown,
        subsets=data_report["subsets"],
        robustness_sentences=[] if robustness is None else describe_robustness(robustness),
        shortcut_sentences=[] if audit is None else describe_shortcuts(audit),
    )


def _describe_members(detector: Detector) -> list[dict[str, Any]]:
    """Return what the card says of each member of an ensemble; of another detector nothing."""
    if not isinstance(detector, Ensemble):
        return []
    return [
        {
            "folder": f"members/{number}_{member.architecture}",
            "detector": member,
            "identity": member.identity(),
        }
        for number, member in enumerate(detector.members, start=1)
    ]


def _escape_cell(text: str) -> str:
    """Return a user's name as it can stand in a cell of a Markdown table."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\|`*_[]<>#!" else c for c in flat)
