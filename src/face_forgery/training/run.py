"""One run of training, from its first state to its last epoch: alone, or as one rank of several."""

import ctypes
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from face_forgery.data.loading.loaders import eval_loader, train_loader
from face_forgery.training.distributed.process_group import (
    check_gradients,
    rank,
    seed_rank,
    sum_over_ranks,
    world_size,
)
from face_forgery.training.kept_features import keep_features
from face_forgery.training.loop import train_epochs
from face_forgery.training.records import Checkpoint, EpochProgress
from face_forgery.training.resume import resume, run_fingerprint
from face_forgery.training.selection import check_what_to_select_by, is_stalled
from face_forgery.training.state import TrainState, build_state
from face_forgery.training.step_settings import StepSettings
from face_forgery.training.training_data import Run
from face_forgery.training.validation import has_videos, validate

logger = logging.getLogger(__name__)

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of glibc's malloc.h
_MOST = 2**31 - 1  # bytes at the end of the heap that are kept
_SUMMED = ("num_images", "loss_sum", "num_correct")  # of EpochProgress, over all ranks


def train(run: Run, device: torch.device) -> Iterator[Callable[[], Checkpoint]]:
    """Train a network up to the last epoch, or until patience ends.

    In a process group all ranks call this with the same run, and each takes its slice of the data.

    Args:
        run: The same for all ranks.
        device: Where this rank trains.

    Yields:
        A function that copies the state as it is, with the history so far: after every epoch, and
        within one after every ``checkpoint_steps`` steps. It has to be called, if at all, before
        the next item is asked for. Where nothing is left to train it is what was resumed from.

    Raises:
        ResumeError: If the saved state belongs to another run.
        SelectionError: If the epoch is to be chosen by groups or videos that validation lacks.
        NonFiniteLossError, BatchTooLargeError: As `train_epochs`.
    """
    training = run.training
    is_by_video = has_videos(run.val_loader.dataset)
    check_what_to_select_by(training.select_by, run.held_out, has_videos=is_by_video)
    seed_torch(training.seed)
    if device.type == "cpu":
        keep_freed_memory()
    run = _own_slice(run)
    image_size = run.train_loader.dataset.preprocessing.image_size  # type: ignore[attr-defined]
    batches_per_epoch = len(run.train_loader)
    state = build_state(run.model, training, image_size, batches_per_epoch, device)
    settings = StepSettings.of(training, device, batches_per_epoch)
    fingerprint = run_fingerprint(run, settings)
    history: list[dict[str, Any]] = []
    if training.feature_views:
        run = keep_features(run, state.network, settings)
        kept: Any = run.train_loader.dataset
        state.standardized = (torch.from_numpy(kept.mean), torch.from_numpy(kept.deviation))
    if training.resume:
        history = resume(state, run.resume_from, fingerprint, training.epochs)
    if state.epoch == training.epochs or is_stalled(history, training.patience, training.select_by):
        yield partial(state.snapshot, history, fingerprint)
        return
    _begin_as_rank(state, training.seed)
    for finished in train_epochs(state, run.train_loader, settings, epochs=training.epochs):
        progress = _sum_progress(finished or state.progress, device)
        if finished is None:
            yield partial(state.snapshot, history, fingerprint, progress)
            continue
        numbers = validate(state.judged_network, run.val_loader, run.held_out, device)
        history = [*history, progress.row(state.epoch, state.learning_rate) | numbers]
        if rank() == 0:
            _log_epoch(history[-1])
        yield partial(state.snapshot, history, fingerprint)
        if is_stalled(history, training.patience, training.select_by):
            return


def seed_torch(seed: int) -> None:
    """Seed torch on every device and ask cuDNN for repeatable kernels.

    On a CPU with the same number of threads and the same library versions, equal seeds then give
    equal weights, bit for bit. On a GPU other CUDA kernels may still add in another order: the
    deterministic mode for everything refuses operations that some timm backbones need.
    """
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def keep_freed_memory() -> bool:
    """Have glibc keep large blocks for the next tensor; return whether it could be told so.

    A step frees and takes some gigabytes again, and the kernel would fill each page of every block
    with zeros. For the whole process, and for good; at most 2 GB stay with it. Bits do not change.
    docs/experiments.md has what it gains.
    """
    is_linux = sys.platform.startswith("linux")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if is_linux else None
    return bool(mallopt and mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _MOST))


def _log_epoch(row: dict[str, Any]) -> None:
    """Log an epoch: its loss, and the AUC of validation and of each hold-out group."""
    groups = row.get("val_auc_held_out", {})
    logger.info(
        "Epoch %d: loss %.3f, validation AUC %.4f%s%s",
        row["epoch"],
        row["train_loss"],
        row["val_auc"],
        f", by video {row['val_auc_video']:.4f}" if "val_auc_video" in row else "",
        "".join(f", held out {name} {auc:.4f}" for name, auc in groups.items()),
    )


def _own_slice(run: Run) -> Run:
    """Return ``run`` with loaders of what falls to this rank."""
    if world_size() == 1:
        return run
    group = {"rank": rank(), "world_size": world_size()}
    val: Any = run.val_loader
    return replace(
        run,
        train_loader=train_loader(run.train_loader.dataset, run.training, **group),  # type: ignore[arg-type]
        val_loader=eval_loader(
            val.dataset, batch_size=val.batch_size, num_workers=val.num_workers, **group
        ),
    )


def _begin_as_rank(state: TrainState, seed: int) -> None:
    """Make of a state that all ranks have alike that of one of them."""
    num_ranks = world_size()
    if num_ranks == 1:
        return
    seed_rank(seed, state.epoch, state.progress.num_batches)
    state.optimizer.register_step_pre_hook(lambda *_: check_gradients(state.network))
    own: dict[str, Any] = {name: getattr(state.progress, name) / num_ranks for name in _SUMMED}
    state.progress = replace(state.progress, **own)


def _sum_progress(progress: EpochProgress, device: torch.device) -> EpochProgress:
    """Return what the batches of all ranks have come to."""
    if world_size() == 1:
        return progress
    sums = sum_over_ranks([getattr(progress, name) for name in _SUMMED], device)
    together: dict[str, Any] = dict(zip(_SUMMED, sums, strict=True))
    return replace(progress, **together)
