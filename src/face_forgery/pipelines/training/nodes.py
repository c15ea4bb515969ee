"""Nodes of the training pipeline."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.modeling.detector import Detector
from face_forgery.params import (
    AugmentationParams,
    ClusterParams,
    DataParams,
    FacesParams,
    IngestionParams,
    ModelParams,
    PreprocessingParams,
    ScoringParams,
    TrainingParams,
)
from face_forgery.training.records import Checkpoint, EpochWeights

History = list[dict[str, Any]]  # a row an epoch


def find_train_landmarks(
    train_manifest: pd.DataFrame,
    landmark_file: pd.DataFrame | None,
    face_model: bytes | None,
    *,
    data: DataParams,
    ingestion: IngestionParams,
    faces: FacesParams,
    augmentation: AugmentationParams,
) -> pd.DataFrame:
    """Return ``LANDMARK_COLUMNS`` of every real training image, without a row if none is forged."""
    if augmentation.forgeries.proportion == 0.0:
        return ff.empty_table()
    return ff.find_landmarks(
        train_manifest,
        landmark_file,
        None if face_model is None else ff.FaceFinder(face_model, faces),
        root=Path(data.root),
        num_workers=ingestion.num_workers,
    )


def build_train_loader(
    train_manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    train_landmarks: pd.DataFrame,
    *,
    data: DataParams,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
) -> Any:
    """Return the loader of training: images shuffled and augmented; none is opened yet."""
    return ff.build_train_loader(
        train_manifest,
        face_table,
        train_landmarks,
        root=data.root,
        preprocessing=preprocessing,
        augmentation=augmentation,
        training=training,
    )


def build_val_loader(
    val_manifest: pd.DataFrame,
    face_table: pd.DataFrame,
    data: DataParams,
    preprocessing: PreprocessingParams,
    scoring: ScoringParams,
) -> Any:
    """Return the loader of validation: images in the order of their manifest; none is opened."""
    dataset = ff.ImageDataset.of(val_manifest, data.root, preprocessing, face_table)
    return ff.eval_loader(dataset, batch_size=scoring.batch_size, num_workers=scoring.num_workers)


def train_detector(
    *,
    train_loader: Any,
    val_loader: Any,
    val_holdout: pd.DataFrame | None,
    model: ModelParams,
    training: TrainingParams,
    cluster: ClusterParams,
    resume_from: Checkpoint | None,
) -> Iterator[tuple[EpochWeights, History, Checkpoint]]:
    """Train a detector; after every epoch yield its weights, the history so far, and the state.

    A generator node: the catalog saves each yield as it comes, so a run that dies in epoch 9
    leaves epoch 8 on disk. The state is saved last and is what a resumed run goes by; with
    ``checkpoint_steps`` it is yielded within an epoch, too. Where nothing is left to train it
    yields what is on disk: Kedro wants an output of every node. ``val_holdout`` says which images
    of validation training has nothing of.
    """
    held_out = None
    if val_holdout is not None:
        held_out = ff.HeldOut.of(val_loader.dataset.targets, val_holdout)
    run = ff.Run(train_loader, val_loader, model, training, held_out, resume_from)
    states = (
        ff.train_on_cluster(run, cluster)
        if training.engine == "ray"
        else (copy_state() for copy_state in ff.train(run, ff.pick_device()))
    )
    for state in states:
        weights = state.weights()
        yield weights, state.history, state
        # All three are saved. Kedro splits what comes by `itertools.tee`, which holds up to 57 of
        # them at a time: of a network with 90 million weights some 80 GB.
        weights.weights.clear()
        state.release()


def plot_training(training_history: History, training: TrainingParams) -> Any:
    """Draw loss and validation AUC by epoch."""
    return ff.draw_training(training_history, ff.best_epoch(training_history, training.select_by))


def fingerprint_data(train_manifest: pd.DataFrame, val_manifest: pd.DataFrame) -> str:
    """Return one hash of the images and targets of both sets."""
    return ff.fingerprint_sets(train=train_manifest, val=val_manifest)


def select_checkpoint(
    *,
    epoch_weights: Mapping[int, Callable[[], EpochWeights]],
    train_manifest: pd.DataFrame,
    data: DataParams,
    training_history: History,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    augmentation: AugmentationParams,
    training: TrainingParams,
    face_finder: dict[str, Any],
    data_fingerprint: str,
    code_version: dict[str, Any],
) -> Detector:
    """Make a detector of the epoch with the highest validation AUC (``training.select_by``)."""
    chosen = ff.best_weights(epoch_weights, training_history, training.select_by)
    finder = ff.FaceFinder.from_values(face_finder)
    return ff.trained_detector(
        chosen.weights,
        chosen.epoch,
        model,
        preprocessing,
        faces=None if finder is None else finder.params,
        face_model=None if finder is None else finder.model,
        data_fingerprint=data_fingerprint,
        training_data=ff.record_training_data(train_manifest, data),
        code_version=code_version,
        training={
            "model": model.model_dump(mode="json"),
            "augmentation": augmentation.model_dump(mode="json"),
            "training": training.model_dump(mode="json"),
        },
    )
