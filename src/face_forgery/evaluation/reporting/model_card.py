"""The model card: what a detector is, how well it works and where it does not, as Markdown.

The layout is that of Hugging Face's model cards: metadata in YAML, then sections that their page
and tools know by name.
"""

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from face_forgery.evaluation.reporting.relevance import audit_of, robustness_of
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

_TEMPLATE = "model_card.md.jinja"


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
    source = resources.files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8")
    preprocessing = detector.preprocessing
    return environment.from_string(source).render(
        name=f"face-forgery-{detector.architecture.replace(' ', '')}",
        architecture=detector.architecture,
        members=_describe_members(detector),
        num_parameters=detector.count_parameters(),
        num_passes=detector.num_passes,
        options=detector.options,
        input=detector.input,
        truncate_after=detector.truncate_after,
        tta=detector.tta,
        image_size=preprocessing.image_size,
        interpolation=preprocessing.interpolation,
        mean=list(preprocessing.mean),
        std=list(preprocessing.std),
        temperature=detector.temperature,
        identity=detector.identity(),
        data_fingerprint=detector.data_fingerprint,
        code_version=detector.code_version,
        epoch=detector.epoch,
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
            "architecture": member.architecture,
            "identity": member.identity(),
            "input": member.input,
            "tta": member.tta,
            "epoch": member.epoch,
        }
        for number, member in enumerate(detector.members, start=1)
    ]


def _escape_cell(text: str) -> str:
    """Return a user's name as it can stand in a cell of a Markdown table."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\|`*_[]<>#!" else c for c in flat)
