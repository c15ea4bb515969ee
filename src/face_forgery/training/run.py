"""One run of training, from its first state to its last epoch: alone, or as one rank of many."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from face_forgery.data.loading.loaders import EvalBatches, TrainBatches
from face_forgery.params import ModelParams, TrainingParams
from face_forgery.training.distributed.process_group import ALONE, Team
from face_forgery.training.loop import train_epochs
from face_forgery.training.memory import keep_freed_memory
from face_forgery.training.records import Checkpoint
from face_forgery.training.reproducible import seed_torch
from face_forgery.training.resume import resume, run_fingerprint
from face_forgery.training.selection import check_folds_to_select_by, is_stalled
from face_forgery.training.start import build_state
from face_forgery.training.step_settings import StepSettings
from face_forgery.training.validation import validate

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Run:
    """What a run follows from.

    Args:
        train_batches: What the network learns from.
        val_batches: What it is judged by after every epoch.
        model: Which network.
        training: How it is trained; ``resume`` says whether ``resume_from`` is gone by.
        resume_from: The last saved state, if there is one.
    """

    train_batches: TrainBatches
    val_batches: EvalBatches
    model: ModelParams
    training: TrainingParams
    resume_from: Checkpoint | None


def train(run: Run, device: torch.device, team: Team = ALONE) -> Iterator[Callable[[], Checkpoint]]:
    """Train a network up to the last epoch, or until patience ends.

    Args:
        run: The same for all ranks.
        device: Where this rank trains.
        team: Who takes part.

    Yields:
        A function that copies the state as it is, with the history so far: after every epoch, and
        within one after every ``checkpoint_steps`` steps. It has to be called, if at all, before
        the next item is asked for. Where nothing is left to train it is what was resumed from.

    Raises:
        ResumeError: If the saved state belongs to another run.
        SelectionError: If the epoch is to be chosen by folds that validation does not have.
        NonFiniteLossError, BatchTooLargeError: As `train_epochs`.
    """
    training, batches_per_epoch = run.training, len(run.train_batches.epoch(1))
    check_folds_to_select_by(training.select_by, run.val_batches.held_out)
    seed_torch(training.seed)
    if device.type == "cpu":
        keep_freed_memory()
    image_size = run.train_batches.preprocessing.image_size
    state = build_state(run.model, training, image_size, batches_per_epoch, device, team=team)
    settings = StepSettings.of(training, device, batches_per_epoch, team)
    fingerprint = run_fingerprint(run.train_batches, run.val_batches, run.model, training, settings)
    history: list[dict[str, Any]] = []
    if training.resume:
        history = resume(state, run.resume_from, fingerprint, training.epochs)
    if state.epoch == training.epochs or is_stalled(history, training.patience, training.select_by):
        yield partial(state.snapshot, history, fingerprint)
        return
    team.draw_apart(training.seed, state.epoch, state.progress.num_batches)
    for report in train_epochs(state, run.train_batches, settings, epochs=training.epochs):
        if report is not None:
            numbers = validate(state.judged_network, run.val_batches, device, team)
            history = [*history, asdict(report) | numbers]
            if team.rank == 0:
                log_epoch(history[-1])
        yield partial(state.snapshot, history, fingerprint)
        if report is not None and is_stalled(history, training.patience, training.select_by):
            return


def log_epoch(row: dict[str, Any]) -> None:
    """Write one line about an epoch: its loss, and the AUC of validation and of each fold."""
    folds = row.get("val_auc_held_out", {})
    logger.info(
        "Epoch %d: loss %.3f, validation AUC %.4f%s",
        row["epoch"],
        row["train_loss"],
        row["val_auc"],
        "".join(f", held out {name} {auc:.4f}" for name, auc in folds.items()),
    )
