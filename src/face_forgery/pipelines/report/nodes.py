"""Nodes of the report."""

from typing import Any

import pandas as pd

from face_forgery.modeling.detector import Detector
from face_forgery.modeling.ensemble import Ensemble


def write_report(
    *,
    metrics: dict[str, Any],
    operating_points: dict[str, Any],
    calibration: dict[str, Any],
    breakdown: list[dict[str, Any]],
    holdout_results: dict[str, Any],
    manifest: pd.DataFrame,
    mistakes: pd.DataFrame,
    data_report: dict[str, Any],
    detector: Detector,
    code_version: dict[str, Any],
    audit: dict[str, Any] | None,
    robustness: dict[str, Any] | None,
    cross_validation: dict[str, Any] | None,
    **figures: bytes | None,
) -> str:
    """Write everything that was measured into one page for people."""
    from face_forgery.evaluation.reporting.report import render_report

    if isinstance(detector, Ensemble):
        figures["training_figure"] = None  # it is of whatever was trained last
    return render_report(
        metrics=metrics,
        operating_points=operating_points,
        calibration=calibration,
        breakdown=breakdown,
        mistakes=mistakes,
        data_report=data_report,
        audit=_if_of(detector, audit),
        robustness=_if_about(detector, robustness),
        holdout_results=holdout_results,
        cross_validation=_if_of_recipe(detector, manifest, cross_validation),
        detector=_describe(detector),
        code_version=code_version,
        figures=figures,
    )


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
    from face_forgery.evaluation.operating_points import note_limits
    from face_forgery.evaluation.reporting.model_card import render_model_card

    return render_model_card(
        detector,
        metrics=metrics,
        operating_points=operating_points,
        breakdown=breakdown,
        limits=note_limits(operating_points),
        data_report=data_report,
        audit=_if_of(detector, audit),
        robustness=_if_about(detector, robustness),
    )


def _describe(detector: Detector) -> dict[str, Any]:
    is_trained = not isinstance(detector, Ensemble)
    return {
        "architecture": detector.architecture,
        "parameters": f"{detector.count_parameters():,}",
        "input": f"{detector.preprocessing.image_size} pixels",
        "forward passes a picture": detector.num_passes,
        **({"chosen epoch": detector.epoch} if is_trained else {}),
        "data fingerprint": detector.data_fingerprint,
    }


def _if_about(detector: Detector, result: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return ``result`` unless it was measured on another detector than this one."""
    return result if result is not None and result["detector"] == detector.identity() else None


def _if_of(detector: Detector, audit: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return ``audit`` unless it is about other pictures than the detector was made with."""
    is_of = audit is not None and audit["data_fingerprint"] == detector.data_fingerprint
    return audit if is_of else None


def _if_of_recipe(
    detector: Detector, manifest: pd.DataFrame, result: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Return ``result`` unless it was measured with other settings or on other pictures."""
    from face_forgery.data.labels.manifest import fingerprint_sets

    if result is None or result["image_size"] != detector.preprocessing.image_size:
        return None
    for section, values in result["recipe"].items():
        own = detector.training.get(section, {})
        if any(own.get(name) != value for name, value in values.items()):
            return None
    labelled = manifest[manifest["subset"] != "test"]
    return result if result["data_fingerprint"] == fingerprint_sets(labelled=labelled) else None
