"""Nodes of the report."""

from typing import Any

import face_forgery as ff
from face_forgery.evaluation.reporting.report import list_inputs
from face_forgery.modeling.detector import Detector

REPORT_INPUTS = list_inputs()


def write_report(**results: Any) -> str:
    """Write everything that was measured into one page for people."""
    return ff.render_report(**results)


def end_report(
    metrics: dict[str, Any], operating_points: dict[str, Any], robustness: dict[str, Any] | None
) -> list[str]:
    """Say in a few lines what was measured."""
    return ff.describe_results(metrics, operating_points, robustness)


def write_model_card(
    *,
    metrics: dict[str, Any],
    operating_points: dict[str, Any],
    breakdown: list[dict[str, Any]],
    data_report: dict[str, Any],
    detector: Detector,
    audit: dict[str, Any] | None,
    robustness: dict[str, Any] | None,
) -> str:
    """Write what the detector is and how far it can be trusted, for whoever is handed it."""
    return ff.render_model_card(
        detector,
        metrics=metrics,
        operating_points=operating_points,
        breakdown=breakdown,
        data_report=data_report,
        audit=audit,
        robustness=robustness,
    )
