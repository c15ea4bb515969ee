"""Nodes of cross-validation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

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
from face_forgery.training.fold_records import FoldProgress, FoldsBegun

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
    """Return the landmarks of every real labelled picture, without a row if none is forged.

    The columns are ``LANDMARK_COLUMNS``.
    """
    from face_forgery.forgery.making.landmark_table import find_landmarks_for_training

    return find_landmarks_for_training(
        manifest[manifest["subset"] != "test"],
        landmark_file,
        face_model,
        root=Path(data.root),
        num_workers=ingestion.num_workers,
        faces=faces,
        forgeries=augmentation.forgeries,
    )


def train_folds(
    *,
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    backbone_features: pd.DataFrame,
    face_table: pd.DataFrame,
    fold_landmarks: pd.DataFrame,
    folds_begun: FoldsBegun,
    data: DataParams,
    splitting: SplittingParams,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
    scoring: ScoringParams,
) -> Iterator[FoldProgress]:
    """Train a detector for each fold without it, and measure it on the fold.

    A generator node: the catalog saves each step as it comes, so a run that dies in the third fold
    leaves two results and the last state of the third; ``training.resume`` goes on from there.
    """
    from face_forgery.data.splits.partition import fold_manifest
    from face_forgery.training.cross_validation import Recipe, cross_validate

    split = fold_manifest(
        manifest,
        image_hashes,
        splitting,
        has_val_labels=data.val_labels is not None,
        features=backbone_features,
    )
    recipe = Recipe(
        root=data.root,
        face_table=face_table,
        landmarks=fold_landmarks,
        folds=splitting.folds,
        split_seed=splitting.seed,
        model=model,
        preprocessing=preprocessing,
        augmentation=augmentation,
        training=training,
        scoring=scoring,
    )
    yield from cross_validate(split, recipe, folds_begun)


def judge_folds(
    *,
    fold_runs: FoldsBegun,
    manifest: pd.DataFrame,
    splitting: SplittingParams,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
    evaluation: EvaluationParams,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure within, on the fold and the drop, fold by fold; also as a table for people."""
    from face_forgery.data.labels.fingerprint import fingerprint_sets
    from face_forgery.evaluation.holdout_results import judge_folds
    from face_forgery.training.resume import CHANGES_NO_WEIGHT

    results = list(fold_runs.results.values())
    judged = judge_folds(
        {result.fold: result.scores for result in results},
        num_resamples=evaluation.num_resamples,
        confidence=evaluation.confidence,
        seed=evaluation.seed,
    )
    for fold, result in zip(judged["folds"], results, strict=True):
        fold |= {name: result.summary[name] for name in ("epoch", "seed", "num_trained_on")}
    judged |= {
        "by": splitting.folds.by,
        "image_size": preprocessing.image_size,
        "recipe": {
            "model": model.model_dump(mode="json"),
            "augmentation": augmentation.model_dump(mode="json"),
            "training": training.model_dump(mode="json", exclude=CHANGES_NO_WEIGHT),
        },
        "data_fingerprint": fingerprint_sets(labelled=manifest[manifest["subset"] != "test"]),
    }
    rows = [
        {name: value for name, value in fold.items() if name not in _MEASURES}
        | _flatten({measure: fold[measure] for measure in _MEASURES})
        for fold in judged["folds"]
    ]
    mean = {measure: judged[f"{measure}_mean"] for measure in _MEASURES}
    table = pd.DataFrame([*rows, {"name": "mean"} | _flatten(mean)])
    return judged, table.astype(dict.fromkeys(_WHOLE, "Int64"))


def plot_folds(cross_validation: dict[str, Any]) -> Any:
    """Draw what each fold costs."""
    from face_forgery.evaluation.reporting.fold_figure import draw_folds

    return draw_folds(cross_validation)


def _flatten(measured: dict[str, dict[str, float]]) -> dict[str, float]:
    return {
        name if part == "value" else f"{name}_{part}": interval[part]
        for name, interval in measured.items()
        for part in ("value", "low", "high")
    }
