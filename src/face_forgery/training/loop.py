"""The training loop. It yields; the caller decides what to keep, log or stop on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_forgery.data.batches import Batches, BatchesByEpoch
from face_forgery.progress import track
from face_forgery.training.records import EpochReport
from face_forgery.training.state import TrainState


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite. Weights are unchanged; BatchNorm statistics are not."""


class BatchTooLargeError(RuntimeError):
    """A batch did not fit into memory; the message names a size to try."""


def train_epochs(
    state: TrainState,
    batches: BatchesByEpoch,
    *,
    epochs: int,
    device: torch.device,
    precision: torch.dtype,
    grad_clip_norm: float | None,
) -> Iterator[EpochReport]:
    """Train ``state`` in place up to ``epochs``, yielding after each one.

    Args:
        state: A network on ``device``, its optimizer, and a schedule that is stepped once per
            optimizer step. Training continues after ``state.epoch``.
        batches: What an epoch holds follows from its number, so a resumed run sees the batches
            that an uninterrupted one would have seen.
        epochs: The number of the last epoch.
        device: Where the network is.
        precision: Of the forward pass, under autocast; ``torch.float32`` switches autocast off.
            Weights, loss and optimizer are float32 always.
        grad_clip_norm: Largest global gradient norm; ``None`` does not clip.

    Raises:
        NonFiniteLossError: Before the optimizer step that would have spoiled the weights.
        BatchTooLargeError: If a batch does not fit into memory.
    """
    autocast = torch.autocast(device.type, precision, enabled=precision != torch.float32)
    for epoch in range(state.epoch + 1, epochs + 1):
        start = time.perf_counter()
        loss_sum, num_correct = torch.zeros(2, dtype=torch.float64, device=device)
        epoch_batches = batches.epoch(epoch)

        state.network.train()  # 1. train mode: the caller may have evaluated since the last yield
        for step, (images, targets) in enumerate(_tracked(epoch_batches, epoch, epochs)):  # 2. loop
            with _naming_a_batch_size(len(images)):
                images = images.to(device, non_blocking=True)  # 3. move to the device
                targets = targets.to(device, non_blocking=True)
                with autocast:
                    logits = state.network(images)  # 4. forward
                loss = F.cross_entropy(logits.float(), targets)  # 5. loss
                _stop_unless_finite(loss, epoch, step)
                state.optimizer.zero_grad()  # 6. zero the gradients
                loss.backward()  # type: ignore[no-untyped-call]  # 7. backward
                if grad_clip_norm is not None:
                    nn.utils.clip_grad_norm_(state.network.parameters(), grad_clip_norm)
                learning_rate = state.scheduler.get_last_lr()[0]
                state.optimizer.step()  # 8. step
                state.scheduler.step()

            loss_sum += loss.detach() * len(images)
            num_correct += (logits.detach().argmax(dim=1) == targets).sum()

        state.epoch = epoch
        num_images, seconds = epoch_batches.num_images, time.perf_counter() - start
        yield EpochReport(
            epoch=epoch,
            train_loss=loss_sum.item() / num_images,
            train_accuracy=num_correct.item() / num_images,
            learning_rate=float(learning_rate),
            images_per_second=num_images / seconds,
            seconds=seconds,
        )


def _tracked(batches: Batches, epoch: int, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
    return track(
        batches,
        description=f"epoch {epoch} of {epochs}",
        total=batches.num_images,
        count=lambda batch: len(batch[1]),
    )


def _stop_unless_finite(loss: Tensor, epoch: int, step: int) -> None:
    """Wait for the GPU once a step: the price of never stepping on a loss that is no number."""
    if not torch.isfinite(loss):
        raise NonFiniteLossError(
            f"the loss is {loss.item()} at epoch {epoch}, step {step + 1}; the weights of the "
            "epoch before are kept. Lower training.optimizer.learning_rate, set "
            "training.grad_clip_norm, or train in float32 (training.precision)"
        )


@contextmanager
def _naming_a_batch_size(batch_size: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError of a GPU is one, too
        of_gpu = isinstance(error, torch.OutOfMemoryError)
        if not of_gpu and "can't allocate memory" not in str(error):
            raise
        remedy = (
            f"try --params training.batch_size={batch_size // 2}"
            if batch_size > 1
            else "lower preprocessing.image_size or take a smaller model.backbone"
        )
        raise BatchTooLargeError(
            f"a batch of {batch_size} image(s) does not fit into the memory of the "
            f"{'GPU' if of_gpu else 'CPU'}; {remedy}"
        ) from error
