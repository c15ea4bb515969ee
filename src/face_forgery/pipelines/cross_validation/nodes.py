"""Nodes of cross-validation."""

from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.params import (
    AugmentationParams,
    DataParams,
    EvaluationParams,
    FacesParams,
    IngestionParams,
    ModelParams,
    PreprocessingParams,
    ScoringParams,
    SplittingParams,
    TrainingParams,
)

_MEASURES = ("within", "unseen", "drop")
_WHOLE = ("num_real", "num_fake", "epoch", "seed", "num_trained_on")  # the mean has none


def find_fold_landmarks(
    *,
    manifest: pd.DataFrame,
    landmark_file: pd.DataFrame | None,
    face_model: bytes | None,
    data: DataParams,
    ingestion: IngestionParams,
    faces: FacesParams,
    augmentation: AugmentationParams,
) -> pd.DataFrame:
    """Return ``LANDMARK_COLUMNS`` of every real labelled image, without a row if none is forged."""
    if augmentation.forgeries.proportion == 0.0:
        return ff.empty_table()
    return ff.find_landmarks(
        manifest[manifest["subset"] != "test"],
        landmark_file,
        None if face_model is None else ff.FaceFinder(face_model, faces),
        root=Path(data.root),
        num_workers=ingestion.num_workers,
    )


def train_folds(
    *,
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    holdout_groups: pd.DataFrame,
    face_table: pd.DataFrame,
    fold_landmarks: pd.DataFrame,
    data: DataParams,
    splitting: SplittingParams,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
    scoring: ScoringParams,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Train a detector a fold; return ``FOLD_SCORE_COLUMNS`` of all, and a row for each fold."""
    split = ff.divide_for_cross_validation(
        manifest,
        image_hashes,
        holdout_groups,
        splitting,
        has_val_labels=data.val_labels is not None,
    )
    recipe = ff.Recipe(
        root=data.root,
        face_table=face_table,
        landmarks=fold_landmarks,
        splitting=splitting,
        model=model,
        preprocessing=preprocessing,
        augmentation=augmentation,
        training=training,
        scoring=scoring,
    )
    return ff.cross_validate(split, recipe)


def judge_folds(
    *,
    fold_scores: pd.DataFrame,
    fold_runs: list[dict[str, Any]],
    manifest: pd.DataFrame,
    splitting: SplittingParams,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
    evaluation: EvaluationParams,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure AUC within, on the fold, and the drop, fold by fold; also as a table for people."""
    judged = ff.judge_groups(
        {run["fold"]: fold_scores[fold_scores["fold"] == run["fold"]] for run in fold_runs},
        ff.Bootstrap.of(evaluation),
    )
    for group, run in zip(judged["groups"], fold_runs, strict=True):
        group |= {name: run[name] for name in ("epoch", "seed", "num_trained_on")}
    judged |= {
        "by": splitting.holdout.by,
        "image_size": preprocessing.image_size,
        "recipe": {
            "model": model.model_dump(mode="json"),
            "augmentation": augmentation.model_dump(mode="json"),
            "training": training.model_dump(mode="json", exclude=ff.CHANGES_NO_WEIGHT),
        },
        "data_fingerprint": ff.fingerprint_sets(labelled=manifest[manifest["subset"] != "test"]),
    }
    rows = [
        {name: value for name, value in group.items() if name not in _MEASURES}
        | _flatten({measure: group[measure] for measure in _MEASURES})
        for group in judged["groups"]
    ]
    mean = {measure: judged[f"{measure}_mean"] for measure in _MEASURES}
    table = pd.DataFrame([*rows, {"name": "mean"} | _flatten(mean)])
    return judged, table.astype(dict.fromkeys(_WHOLE, "Int64"))


def plot_folds(cross_validation: dict[str, Any]) -> Any:
    """Draw what each fold costs."""
    return ff.draw_groups(cross_validation)


def _flatten(measured: dict[str, dict[str, float]]) -> dict[str, float]:
    return {
        name if part == "value" else f"{name}_{part}": interval[part]
        for name, interval in measured.items()
        for part in ("value", "low", "high")
    }
