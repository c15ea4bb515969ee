"""A detector a fold, each measured on the fold that it has never seen."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader

from face_forgery.data.labels.manifest import FAKE, REAL, ManifestError
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.data.loading.workers import iterate
from face_forgery.data.splits.held_out import NO_FOLD, HeldOutFolds
from face_forgery.data.splits.holdout import FoldedSplit, HeldOutSplit, choose_folds
from face_forgery.evaluation.calibration_split import choose_calibration_split
from face_forgery.modeling.detector import Detector, Preprocessing
from face_forgery.modeling.factory import normalization_of
from face_forgery.modeling.forward_path import pick_device, score_batches
from face_forgery.params import (
    AugmentationParams,
    FoldsParams,
    ModelParams,
    PreprocessingParams,
    ScoringParams,
    TrainingParams,
)
from face_forgery.progress import track
from face_forgery.training.fold_records import (
    FOLD_SCORE_COLUMNS,
    FoldProgress,
    FoldResult,
    FoldsBegun,
)
from face_forgery.training.records import EpochWeights
from face_forgery.training.resume import check_same_run, run_fingerprint
from face_forgery.training.run import Run, train
from face_forgery.training.selection import best_weights
from face_forgery.training.step_settings import StepSettings
from face_forgery.training.training_data import build_train_loader

logger = logging.getLogger(__name__)

_MAX_SEED = 2**31


@dataclass(frozen=True, eq=False)
class Recipe:
    """What all folds have in common.

    Args:
        root: What paths of the manifest are relative to.
        face_table: ``FACE_COLUMNS``: what is cut out of each picture.
        landmarks: ``LANDMARK_COLUMNS`` of all real pictures, where forgeries are made.
        folds: Which of the folds inside choose the epoch, where ``training.select_by`` asks.
        split_seed: Of drawing these, and of the halves of validation.
    """

    root: str
    face_table: pd.DataFrame
    landmarks: pd.DataFrame
    folds: FoldsParams
    split_seed: int
    model: ModelParams
    preprocessing: PreprocessingParams
    augmentation: AugmentationParams
    training: TrainingParams
    scoring: ScoringParams


@dataclass(frozen=True, eq=False)
class FoldData:
    """What one fold is trained on, chosen by and measured on: whole groups, nothing twice.

    Args:
        train: Training rows, with nothing of the fold.
        choosing: Validation rows that choose the epoch, with nothing of the fold.
        choosing_folds: ``FOLD_COLUMNS`` of these; held out are the folds that choose.
        measured: Rows that neither trained nor chose: of the fold, and of those inside.
        is_within: ``(N,)``, whether a measured row is like what was trained on.
        is_unseen: ``(N,)``, whether the fold is measured on it.
    """

    train: pd.DataFrame
    choosing: pd.DataFrame
    choosing_folds: pd.DataFrame
    measured: pd.DataFrame
    is_within: Any
    is_unseen: Any


def cross_validate(split: FoldedSplit, recipe: Recipe, begun: FoldsBegun) -> Iterator[FoldProgress]:
    """Train a detector for each fold without it, choose its epoch without it, and measure it.

    Half of validation, whole groups together, chooses the epoch; the other half and the fold are
    measured afterwards. Nothing of the fold has had a say.

    Args:
        split: Training and validation with every fold on both sides.
        recipe: The same for all folds, but for the seed, which follows from that of training and
            the name of the fold.
        begun: What is there already. With ``training.resume`` finished folds are not repeated, and
            the one that was on is continued as any run.

    Yields:
        What is to be saved: after each save point of training and at the end of each fold. Where
        nothing is left to do, a step without content.

    Raises:
        ResumeError: If what is there belongs to another run.
        ManifestError: If a fold leaves too little to train on, to choose by or to be measured.
    """
    if recipe.training.engine != "local":
        logger.warning(
            "training.engine=%s: the folds of cross-validation are trained by this process, one "
            "after the other, not by the cluster",
            recipe.training.engine,
        )
    all_data = {fold: divide_for(split, fold, recipe) for fold in split.members}
    begins = not recipe.training.resume
    num_steps = 0
    for number, (fold, data) in enumerate(all_data.items(), start=1):
        logger.info("Fold %d of %d: %s", number, len(all_data), fold)
        for progress in _validate_fold(number, fold, data, recipe, begun):
            yield replace(progress, begins=begins and not num_steps)
            num_steps += 1
    if not num_steps:
        logger.info("All %d folds are measured: nothing is left to do.", len(all_data))
        yield FoldProgress(0)


def divide_for(split: FoldedSplit, fold: str, recipe: Recipe) -> FoldData:
    """Deal the rows out to training, choosing and measuring, with nothing of ``fold`` in two.

    Raises:
        ManifestError: If one of them lacks a class; names it with its counts.
    """
    inner = _choose_inner(split, fold, recipe)
    held_out = split.hold_out([fold, *inner])
    val, folds = held_out.val, held_out.val_folds["fold"].to_numpy(dtype=str)
    targets = val["target"].to_numpy(dtype=np.int64)
    is_fold = folds == fold
    is_choosing = np.zeros(len(val), dtype=bool)
    is_choosing[~is_fold] = choose_calibration_split(
        val["group"].to_numpy()[~is_fold], targets[~is_fold], seed=recipe.split_seed
    )
    is_blocked = val["group"].isin(val["group"][is_choosing]).to_numpy()
    is_unseen = ~is_blocked & (is_fold | ((folds == NO_FOLD) & (targets == REAL)))
    is_within = ~is_blocked & ~is_fold & ~np.isin(folds, inner)
    _check_parts(fold, targets, choosing=is_choosing, within=is_within, unseen=is_unseen)
    is_measured = is_within | is_unseen
    return FoldData(
        train=held_out.train,
        choosing=val[is_choosing].reset_index(drop=True),
        choosing_folds=_folds_of(held_out, is_choosing),
        measured=val[is_measured].reset_index(drop=True),
        is_within=is_within[is_measured],
        is_unseen=is_unseen[is_measured],
    )


def seed_of(seed: int, fold: str) -> int:
    """Return the seed of the run for ``fold``, whatever the number and order of the others."""
    digest = hashlib.sha256(f"{seed} {fold}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _MAX_SEED


def _choose_inner(split: FoldedSplit, fold: str, recipe: Recipe) -> list[str]:
    """Return the folds inside that choose the epoch; none where all of validation does."""
    hold_out, select_by = recipe.folds.hold_out, recipe.training.select_by
    if select_by == "overall":
        return []
    others = [name for name in split.members if name != fold]
    if isinstance(hold_out, int):
        return choose_folds(others, hold_out, seed=recipe.split_seed)
    inner = [name for name in choose_folds(list(split.members), hold_out, seed=0) if name != fold]
    if not inner:
        raise ManifestError(
            f"the epoch is chosen by splitting.folds.hold_out={list(hold_out)} "
            f"(training.select_by={select_by}), which leaves none to choose by while {fold} is "
            "measured; give the number of folds, or a second name"
        )
    return inner


def _folds_of(held_out: HeldOutSplit, chosen: Any) -> pd.DataFrame:
    folds: pd.DataFrame = held_out.val_folds[chosen].reset_index(drop=True)
    return folds


def _check_parts(fold: str, targets: Any, **parts: Any) -> None:
    for name, chosen in parts.items():
        counts = [int((targets[chosen] == target).sum()) for target in (REAL, FAKE)]
        if min(counts) < 2:
            raise ManifestError(
                f"cross-validation without {fold}: the part {name} of validation has "
                f"{counts[0]:,} real and {counts[1]:,} fake images, and an AUC takes two of each. "
                "Raise splitting.folds.min_images or splitting.val_fraction"
            )


def _validate_fold(
    number: int, fold: str, data: FoldData, recipe: Recipe, begun: FoldsBegun
) -> Iterator[FoldProgress]:
    run, is_resumed = _run_of(number, fold, data, recipe, begun), recipe.training.resume
    fingerprint = _fingerprint(run, data, recipe)
    if is_resumed and number in begun.results:
        check_same_run(begun.results[number].summary["fingerprint"], fingerprint)
        return
    select_by = recipe.training.select_by
    weights: dict[int, Callable[[], EpochWeights]] = {}
    if is_resumed:
        weights |= begun.weights(number)
    history: list[dict[str, Any]] = []
    for copy_state in train(run, pick_device()):
        state = copy_state()
        new, history = state.weights(), state.history
        yield FoldProgress(number, weights=new, state=state)
        if isinstance(new, EpochWeights) and new.epoch not in weights:
            weights[new.epoch] = partial(_itself, new)
            best = best_weights(weights, history, select_by)
            weights = {best.epoch: partial(_itself, best)}
    chosen = best_weights(weights, history, select_by)
    summary = {
        "seed": run.training.seed,
        "epoch": chosen.epoch,
        "num_trained_on": len(data.train),
        "num_chosen_by": len(data.choosing),
        "fingerprint": fingerprint,
    }
    scores = _score(fold, chosen, data, recipe)
    yield FoldProgress(number, result=FoldResult(fold, summary, scores))


def _itself(weights: EpochWeights) -> EpochWeights:
    return weights


def _run_of(number: int, fold: str, data: FoldData, recipe: Recipe, begun: FoldsBegun) -> Run:
    training = recipe.training.model_copy(update={"seed": seed_of(recipe.training.seed, fold)})
    loader = build_train_loader(
        data.train,
        recipe.face_table,
        recipe.landmarks,
        root=recipe.root,
        preprocessing=recipe.preprocessing,
        augmentation=recipe.augmentation,
        training=training,
    )
    targets = data.choosing["target"].to_numpy(dtype=np.int64)
    return Run(
        train_loader=loader,
        val_loader=_eval_loader(data.choosing, recipe),
        model=recipe.model,
        training=training,
        held_out=HeldOutFolds.of(targets, data.choosing_folds),
        resume_from=begun.state(number) if training.resume else None,
    )


def _eval_loader(rows: pd.DataFrame, recipe: Recipe) -> DataLoader[Any]:
    dataset = ImageDataset.of(rows, recipe.root, recipe.preprocessing, recipe.face_table)
    scoring = recipe.scoring
    return eval_loader(dataset, batch_size=scoring.batch_size, num_workers=scoring.num_workers)


def _fingerprint(run: Run, data: FoldData, recipe: Recipe) -> dict[str, Any]:
    """Return what a result follows from: the run, how its epoch is chosen, what is measured."""
    settings = StepSettings.of(run.training, pick_device(), len(run.train_loader))
    of_run = run_fingerprint(
        train_loader=run.train_loader,
        val_loader=run.val_loader,
        held_out=run.held_out,
        model=run.model,
        training=run.training,
        settings=settings,
    )
    measured = ImageDataset.of(data.measured, recipe.root, recipe.preprocessing, recipe.face_table)
    return of_run | {
        "data.measured_images": measured.fingerprint,
        "training.epochs": run.training.epochs,
        "training.select_by": run.training.select_by,
        "training.patience": run.training.patience,
        "scoring.precision": recipe.scoring.precision,
        "scoring.tta": recipe.scoring.tta,
    }


def _score(fold: str, chosen: EpochWeights, data: FoldData, recipe: Recipe) -> pd.DataFrame:
    """Score what the fold is measured on: ``FOLD_SCORE_COLUMNS``."""
    loader = _eval_loader(data.measured, recipe)
    mean, std = normalization_of(recipe.model.backbone)
    detector = Detector(
        architecture=recipe.model.backbone,
        options=recipe.model.options,
        weights=chosen.weights,
        preprocessing=Preprocessing(
            recipe.preprocessing.image_size, recipe.preprocessing.interpolation, mean, std
        ),
        epoch=chosen.epoch,
        data_fingerprint="",
        code_version={},
        training={},
        input=recipe.model.input,
        truncate_after=recipe.model.truncate_after,
        precision=recipe.scoring.precision,
        tta=recipe.scoring.tta,
    )
    network = detector.build_network()
    device = pick_device()
    tracked = track(
        iterate(loader),
        description=f"measuring {fold}",
        total=len(data.measured),
        count=lambda batch: len(batch[1]),
    )
    scores = data.measured.assign(
        fold=fold,
        is_within=data.is_within,
        is_unseen=data.is_unseen,
        y_pred=score_batches(network.to(device), tracked, device),
    )
    return scores[list(FOLD_SCORE_COLUMNS)].astype(FOLD_SCORE_COLUMNS)
