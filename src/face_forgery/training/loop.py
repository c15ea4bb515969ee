"""The training loop. It yields; the caller decides what to keep, log or stop on."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from face_forgery.data.loading.batches import Batches, BatchesByEpoch
from face_forgery.progress import track
from face_forgery.training.compilation import forward_pass
from face_forgery.training.distributed.process_group import Part, Team
from face_forgery.training.records import EpochReport
from face_forgery.training.state import TrainState
from face_forgery.training.step_settings import StepSettings


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite. Weights are unchanged; BatchNorm statistics are not."""


class BatchTooLargeError(RuntimeError):
    """A batch did not fit into memory; the message names a size to try."""


def train_epochs(
    state: TrainState, batches: BatchesByEpoch, settings: StepSettings, *, epochs: int
) -> Iterator[EpochReport | None]:
    """Train ``state`` in place up to ``epochs``, yielding a report after each one.

    Args:
        state: A network on the device of ``settings``, its optimizer, and a schedule that is
            stepped once per optimizer step. Training continues where ``state`` is, be it within
            an epoch.
        batches: What an epoch holds follows from its number, so a resumed run sees the batches
            that an uninterrupted one would have seen.
        settings: How batches become steps of the optimizer, and who else takes part: each rank of
            a team calls this with the same batches, and takes its share of each.
        epochs: The number of the last epoch.

    Yields:
        A report after every epoch. Within an epoch, ``None`` after every ``checkpoint_steps``
        steps: ``state`` may be saved then, and must not be changed.

    Raises:
        NonFiniteLossError: Before the optimizer step that would have spoiled the weights.
        BatchTooLargeError: If a batch does not fit into memory.
    """
    device, team = settings.device, settings.team
    autocast = torch.autocast(
        device.type, settings.precision, enabled=settings.precision != torch.float32
    )
    network = team.join_gradients(settings.loss.passes(state.network))
    forward = forward_pass(
        network,
        is_compiled=settings.is_compiled,
        batch_size=len(team.part_of(batches.epoch(1).sizes[0]).shown),
    )
    for epoch in range(state.epoch + 1, epochs + 1):
        epoch_batches, progress = batches.epoch(epoch), state.progress
        places = settings.places(epoch_batches.sizes)[progress.num_batches :]
        own_rest = team.share_each(
            epoch_batches.after(progress.num_batches), num_before=settings.num_before
        )
        rest = _tracked(own_rest, epoch, epochs)
        start = time.perf_counter() - progress.seconds

        state.network.train()  # 1. train mode: the caller may have evaluated since the last yield
        for place, (images, targets) in zip(places, rest, strict=True):  # 2. loop
            is_due = place.ends_step
            with _naming_a_batch_size(place.part), team.exchanging(network, is_due=is_due):
                images = images.to(device, non_blocking=True)  # 3. move to the device
                targets = targets.to(device, non_blocking=True)
                images, shares = settings.mixing(images, targets, epoch=epoch, number=place.number)
                images, shares = images[settings.num_before :], shares[settings.num_before :]
                with autocast:
                    outputs = settings.loss.outputs(  # 4. forward
                        forward, images, epoch=epoch, number=place.number, part=place.part
                    )
                join = partial(team.join_rows, part=place.part)
                loss = settings.loss(outputs, shares, join)  # 5. loss
                is_right = outputs.logits.detach().argmax(dim=1) == shares.argmax(dim=1)
                mean_loss, num_correct = _over_ranks(loss, is_right, place.part, team)
                _stop_unless_finite(mean_loss, epoch, place.number)
                if place.begins_step:
                    state.optimizer.zero_grad()  # 6. zero the gradients
                (loss * place.share).backward()  # type: ignore[no-untyped-call]  # 7. backward
                if place.ends_step:
                    team.check_gradients(state.network)
                    _clip_gradients(state.network, settings.grad_clip_norm)
                    learning_rate = max(state.scheduler.get_last_lr())
                    state.optimizer.step()  # 8. step
                    state.scheduler.step()
                    state.count_step()

            progress.add(mean_loss, num_correct, place.part.num_images)
            progress.seconds = time.perf_counter() - start
            if place.is_save_due:
                yield None

        state.end_epoch()
        yield EpochReport(
            epoch=epoch,
            train_loss=progress.loss_sum / progress.num_images,
            train_accuracy=progress.num_correct / progress.num_images,
            learning_rate=float(learning_rate),
            images_per_second=progress.num_images / progress.seconds,
            seconds=progress.seconds,
        )


def _tracked(batches: Batches, epoch: int, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
    return track(
        batches,
        description=f"epoch {epoch} of {epochs}",
        total=batches.num_images,
        count=lambda batch: len(batch[1]),
    )


def _over_ranks(loss: Tensor, is_right: Tensor, part: Part, team: Team) -> tuple[float, int]:
    """Return the mean loss of the whole batch, and on how many of its images it was right.

    Waits for the GPU once a step: the price of never stepping on a loss that is no number.
    """
    own_loss, own_correct = loss.item(), int(is_right.sum())
    if team.size == 1:
        return own_loss, own_correct
    loss_sum, num_correct = team.add_up(
        [own_loss * part.num_counted, own_correct * (part.num_counted > 0)], loss.device
    )
    return loss_sum / part.num_images, int(num_correct)


def _stop_unless_finite(loss: float, epoch: int, step: int) -> None:
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"the loss is {loss} at epoch {epoch}, step {step + 1}; the weights of the "
            "epoch before are kept. Lower training.optimizer.learning_rate, set "
            "training.grad_clip_norm, or train in float32 (training.precision)"
        )


def _clip_gradients(network: nn.Module, max_norm: float | None) -> None:
    if max_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), max_norm)


@contextmanager
def _naming_a_batch_size(part: Part) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError of a GPU is one, too
        of_gpu = isinstance(error, torch.OutOfMemoryError)
        if not of_gpu and "can't allocate memory" not in str(error):
            raise
        remedy = (
            f"try --params training.batch_size={part.num_images // 2}"
            if len(part.shown) > 1
            else "lower preprocessing.image_size or take a smaller model.backbone"
        )
        raise BatchTooLargeError(
            f"a batch of {part.num_images} image(s){_of_which(part)} does not fit into the memory "
            f"of the {'GPU' if of_gpu else 'CPU'}; {remedy}"
        ) from error


def _of_which(part: Part) -> str:
    own = len(part.shown)
    return "" if own == part.num_images else f", {own} of them for this worker,"
