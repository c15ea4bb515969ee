"""Nodes of splitting: which images are alike, and which stay together."""

from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.data.labels.manifest import check_columns
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


def hash_images(
    manifest: pd.DataFrame, data: DataParams, ingestion: IngestionParams
) -> pd.DataFrame:
    """Return hash and thumbnail of each labelled image: ``IMAGE_HASH_COLUMNS``."""
    check_columns(manifest, "manifest")
    labelled = manifest[manifest["subset"] != "test"]
    return ff.hash_table(labelled, root=Path(data.root), num_workers=ingestion.num_workers)


def name_holdout_groups(
    *,
    manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    data: DataParams,
    splitting: SplittingParams,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    scoring: ScoringParams,
    training: TrainingParams,
) -> pd.DataFrame:
    """Return the hold-out group of each labelled image: ``HOLDOUT_COLUMNS``.

    For clusters the backbone looks at every forgery. The table has no row unless
    ``splitting.holdout.by`` is set.
    """
    labelled = manifest[manifest["subset"] != "test"].reset_index(drop=True)
    features = None
    if splitting.holdout.by == "cluster":
        features = ff.measure_features(
            labelled[labelled["target"] == 1],
            face_table,
            root=data.root,
            model=model,
            preprocessing=preprocessing,
            scoring=scoring,
            seed=training.seed,
        )
    return ff.name_holdout_groups(
        labelled, splitting.holdout, features=features, seed=splitting.seed
    )


def split_manifest(
    *,
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    holdout_groups: pd.DataFrame,
    data: DataParams,
    splitting: SplittingParams,
    augmentation: AugmentationParams,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return training rows, validation rows, the hold-out groups of these, and a report.

    Nothing is on both sides.
    """
    return ff.divide_manifest(
        manifest,
        image_hashes,
        holdout_groups,
        splitting,
        has_val_labels=data.val_labels is not None,
        makes_fakes=augmentation.forgeries.proportion > 0,
    )
