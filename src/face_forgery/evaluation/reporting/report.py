"""The report: one HTML file that opens without a network and says the same twice."""

import base64
from collections.abc import Mapping
from importlib import resources
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from face_forgery.evaluation.operating_points import note_limits
from face_forgery.evaluation.reporting.mistakes import DRAWN
from face_forgery.evaluation.reporting.sentences import (
    METRIC_WORDS,
    describe_calibration,
    describe_cross_validation,
    describe_decisions,
    describe_held_out,
    describe_reach,
    describe_robustness,
    describe_separation,
    describe_shortcuts,
    describe_thresholds,
    format_number,
    format_percent,
    list_promises,
    list_worst_cells,
)

_TEMPLATE = "report.html.jinja"
FIGURES = {
    "roc_figure": (
        "How many forgeries are found at which price in false alarms. The axis is logarithmic "
        "because a service that sees millions of real pictures lives at its left end."
    ),
    "score_figure": "How the scores of both classes are spread, and where the thresholds lie.",
    "confusion_figure": (
        "Verdicts on the pictures that the thresholds were not chosen on: counts, and shares of a "
        "row."
    ),
    "calibration_figure": (
        "What a score promises and what came true: on the diagonal, of the pictures that score "
        "0.8, eight in ten are forged. Bars: how many pictures have such a score."
    ),
    "mistakes_figure": (
        "The worst scores, with verdict and source or kind; a wrong verdict is framed."
    ),
    "data_figure": "The pictures that the detector was made with.",
}
OPTIONAL_FIGURES = {
    "training_figure": "Loss and validation AUC by epoch, and the epoch that was chosen.",
    "audit_figure": (
        "AUC of models that see only the facts of a file, or statistics of all pixels, never the "
        "face. What they reach, a detector may have learned in place of forgery."
    ),
    "robustness_figure": (
        "AUC after each degradation, weakest level on the left. The darker, the less is left; 0.5 "
        "is guessing."
    ),
    "cross_validation_figure": (
        "AUC of a detector on images like those it was trained on, and on the hold-out group that "
        "was kept from it, group by group."
    ),
}


def render_report(
    *,
    metrics: dict[str, Any],
    operating_points: dict[str, Any],
    calibration: dict[str, Any],
    breakdown: list[dict[str, Any]],
    mistakes: pd.DataFrame,
    data_report: dict[str, Any],
    detector: dict[str, Any],
    code_version: dict[str, Any],
    audit: dict[str, Any] | None,
    robustness: dict[str, Any] | None,
    holdout_results: dict[str, Any],
    cross_validation: dict[str, Any] | None,
    figures: Mapping[str, bytes | None],
) -> str:
    """Return the report as HTML: everything inside, nothing to fetch, no date.

    Args:
        metrics: ``metrics.report.Evaluation.metrics``.
        operating_points: What ``metrics.operating_points.set_operating_points`` returns.
        calibration: What ``metrics.calibration.calibrate`` returns.
        breakdown: What ``metrics.breakdown.break_down`` returns.
        mistakes: The rows of ``reporting.mistakes.find_worst`` with ``verdict``.
        data_report: What ``data.summary.describe_manifest`` returns.
        detector: Label -> value: what was judged, as it should be shown.
        code_version: Name -> version.
        audit: What the pipeline of that name writes; ``None``: not made.
        robustness: What the pipeline of that name writes; ``None``: not measured.
        holdout_results: What ``judge_held_out`` returns, with ``select_by``; its
            ``groups`` are empty where none is held out.
        cross_validation: What the pipeline of that name writes; ``None``: not measured.
        figures: Encoded PNG files; exactly the names of ``FIGURES`` and ``OPTIONAL_FIGURES``. Of
            the latter, a file may be ``None``, and is not shown where its result is ``None``.

    Raises:
        ValueError: If a figure is missing or unknown.
    """
    captions = FIGURES | OPTIONAL_FIGURES
    given = {name for name, png in figures.items() if png is not None or name in OPTIONAL_FIGURES}
    if given != set(captions):
        raise ValueError(
            f"the report shows the figures {sorted(captions)}, it was given {sorted(given)}"
        )
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["number"] = format_number
    environment.filters["percent"] = format_percent
    source = resources.files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        sentences=[
            describe_separation(metrics),
            describe_decisions(operating_points),
            describe_reach(operating_points),
        ],
        metrics=[
            {"name": name, "words": words, "note": metrics["notes"].get(key), **metrics[key]}
            for key, (name, words) in METRIC_WORDS.items()
        ],
        bootstrap=metrics["bootstrap"],
        counts=metrics["counts"],
        thresholds=describe_thresholds(operating_points),
        limits=note_limits(operating_points),
        promises=list_promises(operating_points),
        calibration=calibration,
        calibration_sentence=describe_calibration(calibration),
        breakdown=breakdown,
        mistakes=mistakes.groupby("target", sort=True).head(DRAWN).to_dict("records"),
        subsets=data_report["subsets"],
        detector=detector,
        code_version=code_version,
        audit=audit,
        shortcut_sentences=[] if audit is None else describe_shortcuts(audit),
        holdout_results=holdout_results,
        held_out_sentences=describe_held_out(holdout_results) if holdout_results["groups"] else [],
        cross_validation=cross_validation,
        cross_validation_sentences=(
            [] if cross_validation is None else describe_cross_validation(cross_validation)
        ),
        robustness=robustness,
        robustness_sentences=[] if robustness is None else describe_robustness(robustness),
        worst_cells=[] if robustness is None else list_worst_cells(robustness),
        figures={
            name: {"caption": captions[name], "png": base64.b64encode(png).decode()}
            for name, png in figures.items()
            if png is not None
        },
    )
