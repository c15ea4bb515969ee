"""Nodes of splitting: which pictures are alike, and who stays with whom."""

from pathlib import Path
from typing import Any

import pandas as pd

from face_forgery.data.hashing import hash_table
from face_forgery.data.partition import divide_manifest
from face_forgery.params import AugmentationParams, DataParams, IngestionParams, SplittingParams


def hash_images(manifest: pd.DataFrame, data: DataParams, params: IngestionParams) -> pd.DataFrame:
    """Return hash and thumbnail of each labelled image: ``IMAGE_HASH_COLUMNS``."""
    labelled = manifest[manifest["subset"] != "test"]
    return hash_table(labelled, root=Path(data.root), num_workers=params.num_workers)


def split_manifest(
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    data: DataParams,
    params: SplittingParams,
    augmentation: AugmentationParams,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return training rows, validation rows and a report; nothing is on both sides."""
    partition = divide_manifest(
        manifest,
        image_hashes,
        params,
        has_val_labels=data.val_labels is not None,
        makes_fakes=augmentation.forgeries.share > 0,
    )
    return partition.train, partition.val, partition.report
