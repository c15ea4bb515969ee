"""What a run learns from, made of a manifest: batches, and forgeries of real pictures."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import ManifestError, show_examples
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.keyed_images import decoding_side
from face_forgery.data.loading.loaders import TrainBatches
from face_forgery.data.splits.splitting import check_both_classes
from face_forgery.forgery.making.forger import Forger
from face_forgery.forgery.making.on_the_fly import TrainForgeries
from face_forgery.params import AugmentationParams, PreprocessingParams, TrainingParams

logger = logging.getLogger(__name__)


def build_train_batches(
    manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    landmarks: pd.DataFrame,
    *,
    root: str,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
    picture_cache: Path | None = None,
) -> TrainBatches:
    """Return the shuffled, augmented batches of every epoch; no image is opened yet.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``, training rows only.
        face_table: ``FACE_COLUMNS``: what is cut out of each picture.
        landmarks: ``LANDMARK_COLUMNS``, at least of the real rows, where forgeries are made.
        root: What ``path`` is relative to.
        preprocessing: The size that pictures are brought to.
        augmentation: What is changed at random, and how many forgeries are made.
        training: Batches, workers, seed.
        picture_cache: The folder of decoded pictures; its disk must have room for them.

    Raises:
        ManifestError: If a class is missing and no forgeries are made, or sources are to be
            balanced and there is only one.
    """
    sources = _sources_of(manifest) if training.source_balance > 0.0 else None
    rows = ImageRows.of(manifest, root, face_table, picture_cache)
    return TrainBatches(
        rows=rows,
        preprocessing=preprocessing,
        augmentation=augmentation,
        batch_size=training.batch_size,
        seed=training.seed,
        num_workers=training.num_workers,
        sampling=training.sampling,
        forgeries=_plan_forgeries(manifest, landmarks, rows, preprocessing, augmentation),
        sources=sources,
        source_balance=training.source_balance,
    )


def _sources_of(manifest: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for the source of each row, in the order of their names."""
    codes, names = pd.factorize(manifest["source"].astype("string").fillna("unknown"), sort=True)
    if len(names) < 2:
        raise ManifestError(
            f"training.source_balance needs several sources, and all {len(manifest):,} training "
            f"pictures are of one ({show_examples(names)}); give the label CSV a column source "
            "(ingestion.columns), or set training.source_balance=0"
        )
    counts = np.bincount(codes)
    logger.info("Sources that are balanced: %s.", dict(zip(names, counts.tolist(), strict=True)))
    return codes.astype(np.int64)


def _plan_forgeries(
    manifest: pd.DataFrame,
    landmarks: pd.DataFrame,
    rows: ImageRows,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
) -> TrainForgeries | None:
    """Say whose forgeries are made in training; without any, both classes must be there."""
    params = augmentation.forgeries
    if params.proportion == 0.0:
        remedy = "Run the pipeline splitting again, with the same parameters."
        check_both_classes(manifest, "the training set", remedy=remedy)
        return None
    forgeries = TrainForgeries.of(
        manifest,
        landmarks,
        Forger(params.kinds, params.strength),
        proportion=params.proportion,
        squares=rows.squares,
        side=decoding_side(preprocessing, augmentation.crop_scale),
    )
    logger.info(
        "Every epoch has %s forged copies, of %s real pictures that can be forged.",
        f"{forgeries.num_per_epoch:,}",
        f"{len(forgeries.rows):,}",
    )
    return forgeries
