"""Nodes of the report."""

from typing import Any

import face_forgery as ff

# Those of the template (`list_inputs`), which it takes longer to parse than to wire all pipelines.
REPORT_INPUTS = (
    *("detector", "metrics", "operating_points", "robustness", "audit", "breakdown"),
    *("calibration", "code_version", "cross_validation", "data_report", "evaluation"),
    *("holdout_results", "manifest", "mistakes", "testing", "val_scores"),
    *("audit_figure", "calibration_figure", "confusion_figure", "cross_validation_figure"),
    *("data_figure", "mistakes_figure", "robustness_figure", "roc_figure", "score_figure"),
    *("testing_figure", "training_figure"),
)


def write_report(**results: Any) -> tuple[str, str]:
    """Write everything that was measured into one page for people, in English and Chinese."""
    return ff.render_report("en", **results), ff.render_report("zh", **results)


def end_report(**results: Any) -> list[str]:
    """Say the judgement in a few lines: AUC, false alarms, the worst everyday degradation."""
    return ff.list_findings(ff.judge_detector(**results))


def write_model_card(**results: Any) -> tuple[str, str]:
    """Write what the detector is and how far it can be trusted, in English and Chinese."""
    return ff.render_model_card("en", **results), ff.render_model_card("zh", **results)
