"""Nodes of the evaluation pipeline."""

import logging
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import face_forgery as ff
from face_forgery.inference.verdicts import decide
from face_forgery.modeling.detector import Detector, OperatingPoints
from face_forgery.modeling.familiarity import Familiarity
from face_forgery.params import DataParams, EvaluationParams, ScoringParams

logger = logging.getLogger(__name__)

_LABELS = ["img_name", "path", "target", "group", "kind", "source"]
_FACTS = ["width", "height", "format", "jpeg_quality"]


def take_own_validation(
    trained_detector: Detector, train_manifest: pd.DataFrame, val_manifest: pd.DataFrame
) -> pd.DataFrame:
    """Return the validation images, if the detector was trained and selected with this split.

    On others its temperature and thresholds would be set anew.
    """
    own = trained_detector.data_fingerprint
    present = ff.fingerprint_sets(train=train_manifest, val=val_manifest)
    if own != present:
        raise ff.DetectorError(
            f"the stored detector was trained and selected with other images (data fingerprint "
            f"{own[:8]}...) than those of the present split ({present[:8]}...), on which "
            "evaluation would set its temperature and thresholds anew. Train on these images "
            "(pipelines training, evaluation); or keep the detector as it is: ingest its own "
            "images again (pipelines ingestion, splitting), and judge these with the pipeline "
            "inference"
        )
    if trained_detector.was_trained_elsewhere:
        logger.warning(
            "What %s was trained on is unknown, so validation images that it has seen cannot be "
            "looked for; if there are any, it looks better than it is",
            trained_detector.architecture,
        )
    return val_manifest


def choose_precision(
    trained_detector: Detector,
    own_validation: pd.DataFrame,
    data: DataParams,
    scoring: ScoringParams,
    evaluation: EvaluationParams,
) -> Detector:
    """Set how the detector scores from now on; int8 learns its ranges on the calibration split."""
    detector = trained_detector.scored_by(scoring.precision, scoring.tta)
    if detector.precision != "int8":
        return detector
    return ff.quantize_detector(
        detector,
        own_validation[_choose_calibration(own_validation, evaluation)],
        data.root,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
        seed=evaluation.seed,
    )


def score_validation(
    scored_detector: Detector,
    own_validation: pd.DataFrame,
    data: DataParams,
    scoring: ScoringParams,
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """Measure the margin of each validation image, uncalibrated, and deal out the two splits.

    Temperature and thresholds are set on the calibration split and measured on the verification
    split.
    """
    if scored_detector.num_passes > 1:
        logger.info("Each image takes %d forward passes", scored_detector.num_passes)
    margins = _measure_margins(scored_detector, own_validation, data, scoring)
    in_calibration = _choose_calibration(own_validation, evaluation)
    columns = [*_LABELS, "margin", "split", *_FACTS]
    split = np.where(in_calibration, ff.CALIBRATION, ff.VERIFICATION)
    return own_validation.assign(margin=margins, split=split)[columns].reset_index(drop=True)


def score_in_float32(
    scored_detector: Detector,
    own_validation: pd.DataFrame,
    val_margins: pd.DataFrame,
    data: DataParams,
    scoring: ScoringParams,
) -> pd.DataFrame:
    """Measure the margins in float32 as well, where the detector scores in another precision."""
    if scored_detector.precision == "float32":
        return val_margins.head(0)
    exact = ff.in_float32(scored_detector)
    return val_margins.assign(margin=_measure_margins(exact, own_validation, data, scoring))


def measure_precision(
    val_scores: pd.DataFrame,
    float32_margins: pd.DataFrame,
    operating_points: dict[str, Any],
    scoring: ScoringParams,
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """Compare the scores with those in float32, which get their own temperature and thresholds.

    Empty where the detector scores in float32, and where there are not two images of each class to
    compare on. An AUC lower by more than ``ScoringParams.max_auc_loss`` is an error.
    """
    if float32_margins.empty:
        return {}
    exact = apply_temperature(float32_margins, calibrate(float32_margins, evaluation))
    both = [(val_scores, operating_points), (exact, choose_operating_points(exact, evaluation))]
    tables = [
        ff.select_verification(table, is_verified=points["is_verified"]) for table, points in both
    ]
    (reduced, targets, groups), (in_float32, *_) = map(_arrays_of, tables)
    if min(np.bincount(targets, minlength=2)) < 2:
        logger.warning(
            "What scoring.precision=%s costs cannot be measured: of the %d images that the "
            "thresholds were not chosen on fewer than two are real, or forged",
            scoring.precision,
            len(targets),
        )
        return {}
    verdicts = [_verdicts(table, points) for table, (_, points) in zip(tables, both, strict=True)]
    bootstrap = ff.Bootstrap.of(evaluation)
    cost = ff.measure_precision_cost(
        (reduced, in_float32), (verdicts[0], verdicts[1]), targets, groups, bootstrap
    )
    ff.check_precision_cost(cost, scoring.precision, limit=scoring.max_auc_loss)
    return {"precision": scoring.precision, **cost}


def calibrate(val_margins: pd.DataFrame, evaluation: EvaluationParams) -> dict[str, Any]:
    """Fit the temperature on the calibration split; measure what it changes on the other."""
    return ff.calibrate(
        val_margins["margin"].to_numpy(),
        val_margins["target"].to_numpy(dtype=np.int64),
        val_margins["group"].to_numpy(),
        _in_calibration(val_margins),
        ff.Bootstrap.of(evaluation),
    )


def apply_temperature(val_margins: pd.DataFrame, calibration: dict[str, Any]) -> pd.DataFrame:
    """Turn margins into scores; everything that is measured later starts from this table."""
    scores = ff.apply_temperature(val_margins["margin"].to_numpy(), calibration["temperature"])
    return val_margins.assign(y_pred=scores)[[*_LABELS, "y_pred", "split", *_FACTS]]


def evaluate_scores(
    val_scores: pd.DataFrame, evaluation: EvaluationParams
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure every metric with its interval, and the ROC curve with its band."""
    return ff.evaluate(*_arrays_of(val_scores), ff.Bootstrap.of(evaluation))


def evaluate_videos(
    val_scores: pd.DataFrame, own_validation: pd.DataFrame, evaluation: EvaluationParams
) -> dict[str, Any]:
    """Measure the mean scores of videos; empty without videos of both classes."""
    frames = own_validation.reset_index(drop=True).assign(y_pred=val_scores["y_pred"])
    return ff.evaluate_videos(frames, ff.Bootstrap.of(evaluation))


def break_down_scores(
    val_scores: pd.DataFrame, evaluation: EvaluationParams
) -> list[dict[str, Any]]:
    """Measure the AUC by kind of forgery, by source and by facts of the images."""
    return ff.break_down(*_arrays_of(val_scores), val_scores, ff.Bootstrap.of(evaluation))


def measure_holdout(
    val_scores: pd.DataFrame,
    val_holdout: pd.DataFrame,
    trained_detector: Detector,
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """Measure the groups that training had nothing of; without any ``groups`` is empty.

    So it is of a detector that was trained elsewhere: what it had nothing of is unknown.
    """
    if trained_detector.was_trained_elsewhere:
        return {"groups": []}
    held_out = ff.HeldOut.of(val_scores["target"].to_numpy(dtype=np.int64), val_holdout)
    if held_out is None:
        return {"groups": []}
    judged = ff.judge_held_out(
        val_scores, held_out.rows, held_out.seen, ff.Bootstrap.of(evaluation)
    )
    own = trained_detector.training.get("training", {})  # an ensemble has none
    return judged | {"select_by": own.get("select_by", "members")}


def choose_operating_points(
    val_scores: pd.DataFrame, evaluation: EvaluationParams
) -> dict[str, Any]:
    """Choose the thresholds of the verdicts, for the error rates that were asked for."""
    points = ff.set_operating_points(
        *_arrays_of(val_scores),
        _in_calibration(val_scores),
        target_fpr=evaluation.target_fpr,
        target_fnr=evaluation.target_fnr,
        confidence=evaluation.confidence,
        promise=evaluation.promise,
        sources=val_scores["source"].to_numpy(),
    )
    for note in ff.note_limits(points):
        logger.warning("operating points: %s", note)
    return points


def learn_familiarity(
    *,
    scored_detector: Detector,
    train_manifest: pd.DataFrame,
    own_validation: pd.DataFrame,
    data: DataParams,
    scoring: ScoringParams,
    evaluation: EvaluationParams,
) -> tuple[dict[str, Any], Any, pd.DataFrame]:
    """Learn what the detector's images look like, so that others get no verdict.

    Returns where others begin, what images are compared with, and what training images look like;
    all empty where it is off, and of a detector that was trained elsewhere: nobody can say what it
    has never seen.
    """
    if evaluation.unfamiliar is None:
        return {}, {}, pd.DataFrame()
    if scored_detector.was_trained_elsewhere:
        logger.info("No image will be called unfamiliar: what the detector has seen is unknown")
        return {}, {}, pd.DataFrame()
    learnt = ff.learn_familiarity(
        scored_detector,
        train_manifest,
        own_validation,
        data.root,
        in_calibration=_choose_calibration(own_validation, evaluation),
        rate=evaluation.unfamiliar,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
        seed=evaluation.seed,
    )
    found = learnt.familiarity
    if found.promised > evaluation.unfamiliar:
        logger.warning(
            "unfamiliar: %d validation images cannot promise a proportion of %g: the threshold is "
            "the largest of their distances, and promises %.2g. At least %d are needed",
            found.num_images,
            evaluation.unfamiliar,
            found.promised,
            math.ceil(1 / evaluation.unfamiliar) - 1,
        )
    seen = learnt.seen.assign(data_fingerprint=scored_detector.data_fingerprint)
    return asdict(found), learnt.appearance, seen


def find_mistakes(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> pd.DataFrame:
    """List the images of each class that were scored worst, with their verdicts."""
    worst = ff.find_worst(val_scores)
    return worst.assign(verdict=_verdicts(worst, operating_points))


def plot_roc(
    roc_curve: pd.DataFrame, metrics: dict[str, Any], operating_points: dict[str, Any]
) -> Any:
    """Draw the ROC curve over a logarithmic false-positive axis."""
    return ff.draw_roc(roc_curve, metrics, operating_points)


def plot_scores(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> Any:
    """Draw the scores of both classes and the thresholds."""
    scores, targets, _ = _arrays_of(val_scores)
    return ff.draw_scores(scores, targets, operating_points)


def plot_confusion(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> Any:
    """Draw which verdicts both classes got, on the images the thresholds were not chosen on."""
    val_scores = ff.select_verification(val_scores, is_verified=operating_points["is_verified"])
    _, targets, _ = _arrays_of(val_scores)
    return ff.draw_confusion(targets, _verdicts(val_scores, operating_points))


def plot_calibration(calibration: dict[str, Any]) -> Any:
    """Draw predicted probability against what came true, before and after scaling."""
    return ff.draw_calibration(calibration)


def plot_mistakes(mistakes: pd.DataFrame, data: DataParams) -> Any:
    """Draw the worst mistakes of both classes."""
    root = Path(data.root)
    return ff.draw_mistakes(
        mistakes, lambda path: ff.read_reduced(root / path, side=ff.SIDE).pixels
    )


def certify_detector(
    *,
    scored_detector: Detector,
    calibration: dict[str, Any],
    metrics: dict[str, Any],
    operating_points: dict[str, Any],
    precision_cost: dict[str, Any],
    familiarity: dict[str, Any],
    appearance: Any,
) -> Detector:
    """Give the detector what was measured, so that its scores mean something and get verdicts."""
    return replace(
        scored_detector,
        temperature=calibration["temperature"],
        metrics=metrics | ({"precision_cost": precision_cost} if precision_cost else {}),
        operating_points=OperatingPoints.from_values(operating_points),
        familiarity=Familiarity(**familiarity) if familiarity else None,
        appearance=appearance or None,
    )


def _choose_calibration(table: pd.DataFrame, evaluation: EvaluationParams) -> Any:
    return ff.choose_calibration_split(
        table["group"].to_numpy(), table["target"].to_numpy(dtype=np.int64), seed=evaluation.seed
    )


def _measure_margins(
    detector: Detector, manifest: pd.DataFrame, data: DataParams, scoring: ScoringParams
) -> Any:
    return ff.score_manifest(
        replace(detector, temperature=1.0),
        manifest,
        data.root,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
        engine=scoring.engine,
    ).margins


def _in_calibration(table: pd.DataFrame) -> Any:
    return (table["split"] == ff.CALIBRATION).to_numpy()


def _arrays_of(val_scores: pd.DataFrame) -> tuple[Any, Any, Any]:
    scores = val_scores["y_pred"].to_numpy(dtype=np.float64)
    targets = val_scores["target"].to_numpy(dtype=np.int64)
    return scores, targets, val_scores["group"].to_numpy()


def _verdicts(val_scores: pd.DataFrame, operating_points: dict[str, Any]) -> Any:
    scores, *_ = _arrays_of(val_scores)
    return decide(scores, OperatingPoints.from_values(operating_points))
