"""The training loop. It yields; the caller decides what to keep, log or stop on."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from face_forgery.data.loading.workers import iterate_tracked
from face_forgery.training.distributed.process_group import world_size
from face_forgery.training.losses import Outputs
from face_forgery.training.records import EpochProgress
from face_forgery.training.state import TrainState
from face_forgery.training.step_settings import StepPlan, StepSettings


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite. Weights are unchanged; BatchNorm statistics are not."""


class BatchTooLargeError(RuntimeError):
    """A batch did not fit into memory; the message names a size to try."""


def train_epochs(
    state: TrainState, loader: Any, settings: StepSettings, *, epochs: int
) -> Iterator[EpochProgress | None]:
    """Train ``state`` in place up to ``epochs``, yielding what each epoch has come to.

    Args:
        state: Its network is on the device of ``settings``. Training continues where ``state`` is,
            be it within an epoch.
        loader: Of `data.loading.loaders.train_loader`. What an epoch holds follows from its
            number, so a resumed run sees the batches that an uninterrupted one would have seen.
        settings: How batches become steps of the optimizer.
        epochs: The number of the last epoch.

    Yields:
        The progress of every whole epoch. Within an epoch, ``None`` after every
        ``checkpoint_steps`` steps: ``state`` may be saved then, and must not be changed.

    Raises:
        NonFiniteLossError: Before the optimizer step that would have spoiled the weights.
        BatchTooLargeError: If a batch does not fit into memory.
    """
    forward = settings.make_forward(state.network, loader.batch_size)
    while state.epoch < epochs:
        loader.sampler.set_epoch(state.epoch + 1, state.progress.num_batches)
        for _ in train_epoch(state, loader, forward, settings, f"of {epochs}"):
            yield None
        yield state.end_epoch()


def train_epoch(
    state: TrainState,
    loader: Any,
    forward: Callable[[Tensor], Outputs],
    settings: StepSettings,
    of_epochs: str = "",
) -> Iterator[None]:
    """Train ``state`` with the rest of its epoch, yielding where a save within it is due."""
    device, epoch, progress = settings.device, state.epoch + 1, state.progress
    every = (settings.accumulate, settings.checkpoint_steps)
    steps = StepPlan(loader.sampler.num_images, loader.batch_size, *every)
    start = time.perf_counter() - progress.seconds
    batches = iterate_tracked(loader, f"epoch {epoch} {of_epochs}")
    state.network.train()  # 1. train mode: the caller may have evaluated since the last yield
    for number, (images, targets) in enumerate(batches, progress.num_batches):  # 2. loop
        with _naming_a_batch_size(len(targets)):
            images = images.to(device, non_blocking=True)  # 3. to the device
            targets = targets.to(device, non_blocking=True)
            images, soft_targets = settings.mixing(images, targets, epoch=epoch, number=number)
            with settings.autocast():
                outputs = forward(images)  # 4. forward pass
            loss = settings.loss(outputs, soft_targets)  # 5. loss
            is_right = outputs.logits.detach().argmax(dim=1) == soft_targets.argmax(dim=1)
            # Waits for the GPU: the price of never stepping on a loss that is no number.
            mean_loss, num_correct = loss.item(), int(is_right.sum())
            _stop_unless_finite(mean_loss, epoch, number)
            if steps.begins(number):
                state.optimizer.zero_grad()  # 6. zero the gradients
            (loss * steps.weight(number)).backward()  # type: ignore[no-untyped-call]  # 7. backward
            if steps.ends(number):
                if settings.grad_clip_norm is not None:
                    nn.utils.clip_grad_norm_(state.network.parameters(), settings.grad_clip_norm)
                state.optimizer.step()  # 8. step
                state.end_step()
        progress.add(mean_loss, num_correct, len(targets))
        progress.seconds = time.perf_counter() - start
        if steps.is_save_due(number):
            yield


def _stop_unless_finite(loss: float, epoch: int, number: int) -> None:
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"the loss is {loss} at epoch {epoch}, step {number + 1}; the weights of the "
            "epoch before are kept. Lower training.optimizer.learning_rate, set "
            "training.grad_clip_norm, or train in float32 (training.precision)"
        )


@contextmanager
def _naming_a_batch_size(num_images: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError of a GPU is one, too
        of_gpu = isinstance(error, torch.OutOfMemoryError)
        if not of_gpu and "can't allocate memory" not in str(error):
            raise
        total = num_images * world_size()
        remedy = (
            f"try training.batch_size={total // 2}"
            if num_images > 1
            else "lower preprocessing.image_size or take a smaller model.backbone"
        )
        slice_of = "" if total == num_images else f", {num_images} of them for this worker,"
        raise BatchTooLargeError(
            f"a batch of {total} image(s){slice_of} does not fit into the memory of the "
            f"{'GPU' if of_gpu else 'CPU'}; {remedy}"
        ) from error
