"""Nodes of splitting: which pictures are alike, and who stays with whom."""

from pathlib import Path
from typing import Any

import pandas as pd

from face_forgery.data.splits.hashing import hash_table
from face_forgery.data.splits.partition import divide_manifest
from face_forgery.params import (
    AugmentationParams,
    DataParams,
    IngestionParams,
    ModelParams,
    PreprocessingParams,
    ScoringParams,
    SplittingParams,
    TrainingParams,
)


def hash_images(manifest: pd.DataFrame, data: DataParams, params: IngestionParams) -> pd.DataFrame:
    """Return hash and thumbnail of each labelled image: ``IMAGE_HASH_COLUMNS``."""
    labelled = manifest[manifest["subset"] != "test"]
    return hash_table(labelled, root=Path(data.root), num_workers=params.num_workers)


def measure_features(
    *,
    manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    known_features: pd.DataFrame | None,
    data: DataParams,
    splitting: SplittingParams,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    scoring: ScoringParams,
    training: TrainingParams,
) -> pd.DataFrame:
    """Return what the backbone sees in each forgery, without a row unless folds are clusters.

    The columns are ``FEATURE_COLUMNS``. Pictures that have not changed are not looked at again.
    """
    from face_forgery.data.splits.feature_table import empty_feature_table

    if splitting.folds.by != "cluster":
        return empty_feature_table()
    from face_forgery.training.backbone_features import measure_features

    is_fake = (manifest["subset"] != "test") & (manifest["target"] == 1).fillna(False)
    return measure_features(
        manifest[is_fake].reset_index(drop=True),
        face_table,
        known_features,
        root=data.root,
        model=model,
        preprocessing=preprocessing,
        scoring=scoring,
        seed=training.seed,
    )


def split_manifest(
    *,
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    backbone_features: pd.DataFrame,
    data: DataParams,
    splitting: SplittingParams,
    augmentation: AugmentationParams,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return training rows, validation rows, the folds of these, and a report.

    Nothing is on both sides.
    """
    partition = divide_manifest(
        manifest,
        image_hashes,
        splitting,
        has_val_labels=data.val_labels is not None,
        makes_fakes=augmentation.forgeries.proportion > 0,
        features=backbone_features,
    )
    return partition.train, partition.val, partition.val_folds, partition.report
