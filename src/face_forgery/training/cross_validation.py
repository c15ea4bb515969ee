"""Cross-validation over hold-out groups: a detector a fold, measured on what it has never seen."""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from face_forgery.data.labels.manifest import FAKE, REAL, ManifestError
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader
from face_forgery.data.loading.workers import iterate_tracked
from face_forgery.data.splits.calibration_split import choose_calibration_split
from face_forgery.data.splits.holdout import NO_GROUP, GroupedSplit, HeldOut, choose_groups
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.modeling.factory import trained_detector
from face_forgery.modeling.forward_path import device_of, pick_device, score_batches
from face_forgery.params import (
    AugmentationParams,
    ModelParams,
    Precision,
    PreprocessingParams,
    ScoringParams,
    SplittingParams,
    TrainingParams,
)
from face_forgery.training.records import EpochWeights
from face_forgery.training.run import train
from face_forgery.training.selection import best_epoch
from face_forgery.training.training_data import Run, build_train_loader

logger = logging.getLogger(__name__)

FOLD_SCORE_COLUMNS = {
    "fold": "string",  # the hold-out group that the detector has never seen
    "subset": "string",
    "row": "int64",
    "target": "int64",
    "group": "string",
    "kind": "string",
    "source": "string",
    "is_within": "bool",  # it is like what the detector was trained on
    "is_unseen": "bool",  # the fold is measured on it; shared real images are both
    "y_pred": "float64",
}

_MAX_SEED = 2**31


@dataclass(frozen=True, eq=False)
class Recipe:
    """What all folds have in common."""

    root: str  # what paths of the manifest are relative to
    face_table: pd.DataFrame  # FACE_COLUMNS
    landmarks: pd.DataFrame  # LANDMARK_COLUMNS of all real images, where forgeries are made
    splitting: SplittingParams  # the seed of the two parts of validation; groups that choose
    model: ModelParams
    preprocessing: PreprocessingParams
    augmentation: AugmentationParams
    training: TrainingParams
    scoring: ScoringParams


@dataclass(frozen=True, eq=False)
class FoldData:
    """What one fold is trained on, chosen by and measured on: whole groups, nothing twice."""

    train: pd.DataFrame  # with nothing of the fold
    choosing: pd.DataFrame  # validation rows that choose the epoch, with nothing of the fold
    choosing_holdout: pd.DataFrame  # VAL_HOLDOUT_COLUMNS of these
    measured: pd.DataFrame  # neither trained nor chose; with is_within and is_unseen


def cross_validate(
    split: GroupedSplit, recipe: Recipe
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Train a detector for each fold without it, choose its epoch without it, and measure it.

    Half of validation, whole groups together, chooses the epoch; the other half and the fold are
    measured afterwards. ``split`` has every fold on both sides.

    Returns:
        ``FOLD_SCORE_COLUMNS`` of all measured images; and a row for each fold: ``fold``, ``seed``,
        ``epoch``, ``num_trained_on``, ``num_chosen_by``.

    Raises:
        ManifestError: If a fold leaves too little to train on, to choose by or to be measured.
    """
    if recipe.training.engine != "local":
        logger.warning(
            "training.engine=%s: the folds of cross-validation are trained by this process, one "
            "after the other, not by the cluster",
            recipe.training.engine,
        )
    if recipe.scoring.precision != _precision_of(recipe.scoring):
        logger.warning("scoring.precision=int8: the folds of cross-validation score in float32")
    if recipe.training.resume:
        logger.warning(
            "training.resume=true: cross-validation saves no state; all folds start anew"
        )
    all_data = {fold: divide_for(split, fold, recipe) for fold in split.members}
    scores, summaries = [], []
    for number, (fold, data) in enumerate(all_data.items(), start=1):
        logger.info("Fold %d of %d: %s", number, len(all_data), fold)
        seed = seed_of(recipe.training.seed, fold)
        chosen = _train(data, recipe, seed)
        scores.append(data.measured.assign(fold=fold, y_pred=_score(fold, chosen, data, recipe)))
        numbers = {"num_trained_on": len(data.train), "num_chosen_by": len(data.choosing)}
        summaries.append({"fold": fold, "seed": seed, "epoch": chosen.epoch, **numbers})
    table = pd.concat(scores, ignore_index=True)[list(FOLD_SCORE_COLUMNS)]
    return table.astype(FOLD_SCORE_COLUMNS), summaries


def divide_for(split: GroupedSplit, fold: str, recipe: Recipe) -> FoldData:
    """Deal the rows out to training, choosing and measuring, with nothing of ``fold`` in two.

    Raises:
        ManifestError: If one of them lacks a class; names it with its counts.
    """
    inner = _choose_inner(split, fold, recipe)
    train_rows, val, val_holdout, _ = split.hold_out([fold, *inner])
    names = val_holdout["holdout"].to_numpy(dtype=str)
    targets = val["target"].to_numpy(dtype=np.int64)
    is_fold = names == fold
    is_choosing = np.zeros(len(val), dtype=bool)
    is_choosing[~is_fold] = choose_calibration_split(
        val["group"].to_numpy()[~is_fold], targets[~is_fold], seed=recipe.splitting.seed
    )
    is_blocked = val["group"].isin(val["group"][is_choosing]).to_numpy()
    is_unseen = ~is_blocked & (is_fold | ((names == NO_GROUP) & (targets == REAL)))
    is_within = ~is_blocked & ~is_fold & ~np.isin(names, inner)
    _check_parts(fold, targets, choosing=is_choosing, within=is_within, unseen=is_unseen)
    measured = val.assign(is_within=is_within, is_unseen=is_unseen)[is_within | is_unseen]
    return FoldData(
        train=train_rows,
        choosing=val[is_choosing].reset_index(drop=True),
        choosing_holdout=val_holdout[is_choosing].reset_index(drop=True),
        measured=measured.reset_index(drop=True),
    )


def seed_of(seed: int, fold: str) -> int:
    """Return the seed of the run for ``fold``, whatever the number and order of the others."""
    digest = hashlib.sha256(f"{seed} {fold}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _MAX_SEED


def _choose_inner(split: GroupedSplit, fold: str, recipe: Recipe) -> list[str]:
    """Return the other groups that choose the epoch; none where all of validation does."""
    hold_out, select_by = recipe.splitting.holdout.hold_out, recipe.training.select_by
    if not select_by.startswith("holdout"):
        return []
    others = [name for name in split.members if name != fold]
    if isinstance(hold_out, int):
        return choose_groups(others, hold_out, seed=recipe.splitting.seed)
    inner = [name for name in choose_groups(list(split.members), hold_out, seed=0) if name != fold]
    if not inner:
        raise ManifestError(
            f"the epoch is chosen by splitting.holdout.hold_out={list(hold_out)} "
            f"(training.select_by={select_by}), which leaves none to choose by while {fold} is "
            "measured; give the number of groups, or a second name"
        )
    return inner


def _check_parts(fold: str, targets: Any, **parts: Any) -> None:
    for name, chosen in parts.items():
        counts = [int((targets[chosen] == target).sum()) for target in (REAL, FAKE)]
        if min(counts) < 2:
            raise ManifestError(
                f"cross-validation without {fold}: the part {name} of validation has "
                f"{counts[0]:,} real and {counts[1]:,} fake images, and an AUC takes two of each. "
                "Raise splitting.holdout.min_images or splitting.val_fraction"
            )


def _train(data: FoldData, recipe: Recipe, seed: int) -> EpochWeights:
    """Train one fold from its beginning to its end; return the weights of the best epoch."""
    plain = {"seed": seed, "resume": False, "checkpoint_steps": None}
    training = recipe.training.model_copy(update=plain)
    targets = data.choosing["target"].to_numpy(dtype=np.int64)
    run = Run(
        train_loader=build_train_loader(
            data.train,
            recipe.face_table,
            recipe.landmarks,
            root=recipe.root,
            preprocessing=recipe.preprocessing,
            augmentation=recipe.augmentation,
            training=training,
        ),
        val_loader=_eval_loader(data.choosing, recipe),
        model=recipe.model,
        training=training,
        held_out=HeldOut.of(targets, data.choosing_holdout),
    )
    chosen: EpochWeights | None = None
    for copy_state in train(run, pick_device()):
        state = copy_state()
        if best_epoch(state.history, training.select_by) == state.epoch:
            chosen = state.weights()
    assert chosen is not None  # there is an epoch at least
    return chosen


def _eval_loader(rows: pd.DataFrame, recipe: Recipe) -> DataLoader[Any]:
    dataset = ImageDataset.of(rows, recipe.root, recipe.preprocessing, recipe.face_table)
    scoring = recipe.scoring
    return eval_loader(dataset, batch_size=scoring.batch_size, num_workers=scoring.num_workers)


def _precision_of(scoring: ScoringParams) -> Precision:
    """Return what folds score in: ranges of int8 would have to be learnt for each."""
    return "float32" if scoring.precision == "int8" else scoring.precision


def _score(fold: str, chosen: EpochWeights, data: FoldData, recipe: Recipe) -> NDArray[np.float64]:
    """Return the scores of what the fold is measured on."""
    detector = trained_detector(
        chosen.weights,
        chosen.epoch,
        recipe.model,
        recipe.preprocessing,
        precision=_precision_of(recipe.scoring),
        tta=recipe.scoring.tta,
    )
    network = build_scorer(detector, "torch")  # OpenVINO would keep each fold's converted network
    batches = iterate_tracked(_eval_loader(data.measured, recipe), f"measuring {fold}")
    return score_batches(network, batches, device_of(network))
