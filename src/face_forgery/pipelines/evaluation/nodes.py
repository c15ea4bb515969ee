"""Nodes of the evaluation pipeline."""

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from face_forgery.inference.scoring import score_manifest
from face_forgery.inference.verdicts import decide
from face_forgery.modeling.detector import Detector, OperatingPoints
from face_forgery.params import DataParams, EvaluationParams, ScoringParams

logger = logging.getLogger(__name__)

_LABELS = ["img_name", "path", "target", "y_pred", "group", "kind", "source"]
_FACTS = ["width", "height", "format", "jpeg_quality"]


def score_validation(
    trained_detector: Detector,
    val_manifest: pd.DataFrame,
    data: DataParams,
    scoring: ScoringParams,
) -> pd.DataFrame:
    """Score the validation images; everything that is measured later starts from this table."""
    scores = score_manifest(
        trained_detector,
        val_manifest,
        data.root,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
    )
    return val_manifest.assign(y_pred=scores)[_LABELS + _FACTS].reset_index(drop=True)


def evaluate_scores(
    val_scores: pd.DataFrame, evaluation: EvaluationParams
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure every metric with its interval, and the ROC curve with its band."""
    from face_forgery.metrics.report import evaluate

    judged = evaluate(
        *_scores_and_targets(val_scores),
        val_scores["group"].to_numpy(),
        num_resamples=evaluation.num_resamples,
        confidence=evaluation.confidence,
        num_bins=evaluation.ece_bins,
        seed=evaluation.seed,
    )
    return judged.metrics, pd.DataFrame(judged.roc_curve)


def break_down_scores(val_scores: pd.DataFrame, evaluation: EvaluationParams) -> dict[str, Any]:
    """Measure the AUC of each kind of forgery and of each source."""
    from face_forgery.metrics.breakdown import break_down

    return break_down(
        *_scores_and_targets(val_scores),
        val_scores["group"].to_numpy(),
        kinds=val_scores["kind"].to_numpy(),
        sources=val_scores["source"].to_numpy(),
        num_resamples=evaluation.num_resamples,
        confidence=evaluation.confidence,
        seed=evaluation.seed,
    )


def choose_operating_points(
    val_scores: pd.DataFrame, evaluation: EvaluationParams
) -> dict[str, Any]:
    """Choose where scores become verdicts, for the error rates that were asked for."""
    from face_forgery.metrics.operating_points import choose_thresholds, note_limits

    chosen = choose_thresholds(
        *_scores_and_targets(val_scores),
        target_fpr=evaluation.target_fpr,
        target_fnr=evaluation.target_fnr,
    )
    for note in note_limits(chosen):
        logger.warning("operating points: %s", note)
    return asdict(chosen)


def find_mistakes(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> pd.DataFrame:
    """List the images of each class that were scored worst, with their verdicts."""
    from face_forgery.reporting.mistakes import find_worst

    worst = find_worst(val_scores)
    return worst.assign(verdict=_verdicts(worst, operating_points))


def plot_roc(
    roc_curve: pd.DataFrame, metrics: dict[str, Any], operating_points: dict[str, Any]
) -> Any:
    """Draw the ROC curve over a logarithmic false-positive axis."""
    from face_forgery.reporting.figures import draw_roc

    return draw_roc(roc_curve, metrics, operating_points)


def plot_scores(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> Any:
    """Draw the scores of both classes and the thresholds."""
    from face_forgery.reporting.figures import draw_scores

    return draw_scores(*_scores_and_targets(val_scores), operating_points)


def plot_confusion(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> Any:
    """Draw which verdicts both classes got."""
    from face_forgery.reporting.figures import draw_confusion

    _, targets = _scores_and_targets(val_scores)
    return draw_confusion(targets, _verdicts(val_scores, operating_points))


def plot_mistakes(mistakes: pd.DataFrame, data: DataParams) -> Any:
    """Draw the worst mistakes of both classes."""
    from face_forgery.data.images import read_reduced
    from face_forgery.reporting.mistakes import THUMBNAIL_SIDE, draw_mistakes

    root = Path(data.root)
    return draw_mistakes(
        mistakes, lambda path: read_reduced(root / path, side=THUMBNAIL_SIDE).pixels
    )


def certify_detector(
    trained_detector: Detector, metrics: dict[str, Any], operating_points: dict[str, Any]
) -> Detector:
    """Give the detector what was measured, so that its scores can become verdicts."""
    return replace(
        trained_detector, metrics=metrics, operating_points=OperatingPoints(**operating_points)
    )


def _scores_and_targets(val_scores: pd.DataFrame) -> tuple[Any, Any]:
    return (
        val_scores["y_pred"].to_numpy(dtype=np.float64),
        val_scores["target"].to_numpy(dtype=np.int64),
    )


def _verdicts(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> Any:
    scores = val_scores["y_pred"].to_numpy(dtype=np.float64)
    return decide(scores, OperatingPoints(**operating_points))
