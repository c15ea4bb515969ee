"""What a run follows from, and the images that it learns from, made of a manifest."""

import logging
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from face_forgery.data.labels.manifest import (
    DRAWN,
    FAKE,
    REAL,
    UNKNOWN,
    ManifestError,
    show_examples,
)
from face_forgery.data.labels.set_summary import count_values
from face_forgery.data.loading.image_dataset import ImageDataset, decoding_side
from face_forgery.data.loading.loaders import train_loader
from face_forgery.data.splits.holdout import HeldOut
from face_forgery.data.splits.partition import check_both_classes
from face_forgery.forgery.making.forger import Forger
from face_forgery.forgery.making.on_the_fly import TrainForgeries
from face_forgery.modeling.provenance import Origin, TrainingData
from face_forgery.params import (
    AugmentationParams,
    DataParams,
    ModelParams,
    PreprocessingParams,
    TrainingParams,
)
from face_forgery.training.records import Checkpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Run:
    """What a run follows from."""

    train_loader: DataLoader[Any]
    val_loader: DataLoader[Any]
    model: ModelParams
    training: TrainingParams
    held_out: HeldOut | None = None  # the part of validation that training has nothing of
    resume_from: Checkpoint | None = None  # the last saved state, if there is one


def build_train_loader(
    manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    landmarks: pd.DataFrame,
    *,
    root: str,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
) -> DataLoader[Any]:
    """Return the loader of shuffled, augmented images of every epoch; no image is opened yet.

    ``manifest`` has ``MANIFEST_COLUMNS``, training rows only; ``face_table`` ``FACE_COLUMNS``;
    ``landmarks``, at least of the real rows where forgeries are made, ``LANDMARK_COLUMNS``.

    Raises:
        ManifestError: If a class is missing and no forgeries are made, or sources are to be
            balanced and there is only one.
    """
    sources = _sources_of(manifest) if training.source_balance > 0.0 else None
    is_paired = training.sampling == "paired"
    dataset = ImageDataset.of(
        manifest,
        root,
        preprocessing,
        face_table,
        augmentation=augmentation,
        seed=training.seed,
        sources=sources,
        groups=pd.factorize(manifest["group"])[0].astype(np.int64) if is_paired else None,
    )
    forgeries = _plan_forgeries(manifest, landmarks, dataset, augmentation)
    return train_loader(replace(dataset, forgeries=forgeries), training)


def _sources_of(manifest: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for the source of each row, in the order of their names."""
    codes, names = pd.factorize(manifest["source"].astype("string").fillna("unknown"), sort=True)
    if len(names) < 2:
        raise ManifestError(
            f"training.source_balance needs several sources, and all {len(manifest):,} training "
            f"images are of one ({show_examples(names)}); give the label CSV a column source "
            "(ingestion.columns), or set training.source_balance=0"
        )
    counts = np.bincount(codes)
    logger.info("Sources that are balanced: %s.", dict(zip(names, counts.tolist(), strict=True)))
    return codes.astype(np.int64)


def _plan_forgeries(
    manifest: pd.DataFrame,
    landmarks: pd.DataFrame,
    dataset: ImageDataset,
    augmentation: AugmentationParams,
) -> TrainForgeries | None:
    """Choose whose forgeries are made in training; without any, both classes must be there."""
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
        squares=dataset.squares,
        side=decoding_side(dataset.preprocessing, augmentation.crop_scale),
    )
    logger.info(
        "Every epoch has %s forged copies, of %s real images that can be forged.",
        f"{forgeries.num_per_epoch:,}", f"{len(forgeries.rows):,}",
    )  # fmt: skip
    return forgeries


def record_training_data(train_manifest: pd.DataFrame, data: DataParams) -> TrainingData:
    """Return where the images come from that a detector is trained on.

    A row whose ``source`` is ``drawn``, as demo_data writes it, is drawn; of the others only
    ``data.origin`` knows.
    """
    is_fake = train_manifest["target"] == FAKE
    num_drawn = int((train_manifest["source"].str.casefold() == DRAWN).sum())
    origins: Counter[Origin] = Counter({"drawn": num_drawn})
    origins[data.origin or "unknown"] += len(train_manifest) - num_drawn
    name = data.name or Path(data.root).resolve().name
    return TrainingData(
        name="".join(filter(str.isprintable, name)) or UNKNOWN,
        num_real=int((train_manifest["target"] == REAL).sum()),
        num_fake=int(is_fake.sum()),
        num_groups=int(train_manifest["group"].nunique()),
        kinds=count_values(train_manifest.loc[is_fake, "kind"]),
        sources=count_values(train_manifest["source"]),
        origins=dict(+origins),
    )
