"""The processes that train one network together: what each takes, and what they add up."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from face_forgery.data.loading.batches import Batches, share_of
from face_forgery.data.loading.rng import mix_seed

NetworkT = TypeVar("NetworkT", bound=nn.Module)


class UnusedWeightsError(ValueError):
    """A network has weights that its output does not follow from; several ranks cannot train it."""


@dataclass(frozen=True)
class Part:
    """What of a batch a rank is shown: neighbors, in their order.

    Args:
        num_images: Of the whole batch.
        shown: Their places in it. Never empty: a rank that had nothing to do would hold up the
            others.
        num_counted: How many of them count: all, or none where others are shown the same.
    """

    num_images: int
    shown: range
    num_counted: int

    @classmethod
    def whole(cls, num_images: int) -> "Part":
        """Return the part of somebody who is alone."""
        return cls(num_images, range(num_images), num_images)

    @property
    def as_slice(self) -> slice:
        """The places, as an index."""
        return slice(self.shown.start, self.shown.stop)


@dataclass(frozen=True)
class Team:
    """The place of this process among those that train together.

    Of a team of one nothing is asked: every method gives back what it is given. In a larger one
    all ranks call the same methods in the same order, each waiting for the others.

    Args:
        rank: From 0.
        size: How many ranks there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def of_process_group(cls) -> "Team":
        """Return the place in torch's default process group, which must exist."""
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_first(self) -> bool:
        """Whether this rank is the one that saves."""
        return self.rank == 0

    def part_of(self, num_images: int) -> Part:
        """Return what of a batch of ``num_images`` this rank is shown."""
        own = share_of(num_images, self.rank, self.size)
        return Part(num_images, own or range(1), len(own))

    def share(self, batches: Any) -> Any:
        """Return which of ``batches`` fall to this rank, whole ones."""
        return batches if self.size == 1 else batches.share(self.rank, self.size)

    def share_each(self, batches: Batches, *, num_before: int) -> Batches:
        """Return of each of ``batches`` the part of this rank, and before it ``num_before``."""
        if self.size == 1:
            return batches
        return batches.share(self.rank, self.size, num_before=num_before)

    def prepare(self, network: NetworkT) -> NetworkT:
        """Return ``network``, which is not yet in an optimizer, ready for the team.

        On GPUs batch normalization is over the images of all ranks. torch has that for GPUs alone:
        on CPUs each rank normalizes over its own ones, and the averages of the first one are kept.
        """
        if self.size == 1 or not next(network.parameters()).is_cuda:
            return network
        prepared: NetworkT = convert_sync_batchnorm(network)
        return prepared

    def draw_apart(self, *numbers: int) -> None:
        """Seed torch by ``numbers`` and the rank: dropout must not be the same on all of them."""
        if self.size > 1:
            torch.manual_seed(mix_seed(self.rank, *numbers))

    def join_gradients(self, network: nn.Module) -> nn.Module:
        """Return a module whose gradients are the means over all ranks.

        The parameters are those of ``network``, whose names and state stay as they are; at the
        start they become those of the first rank. A step calls it once.
        """
        return network if self.size == 1 else DistributedDataParallel(network)

    @contextmanager
    def exchanging(self, network: nn.Module, *, is_due: bool) -> Iterator[None]:
        """Exchange gradients inside, if that is due; of what `join_gradients` returned."""
        if is_due or not isinstance(network, DistributedDataParallel):
            yield
            return
        with network.no_sync():
            yield

    def join_rows(self, rows: Tensor, part: Part) -> Tensor:
        """Return the rows of all ranks in the order of the batch.

        What any rank makes of a row has its gradient at the rank that the row is from.

        Args:
            rows: ``(B, ...)``, of the images that this rank is shown.
            part: Which these are.

        Returns:
            ``(num_images, ...)``, the same on every rank.
        """
        if self.size == 1:
            return rows
        whole = rows.new_zeros(part.num_images, *rows.shape[1:])
        first = part.shown.start
        whole[first : first + part.num_counted] = rows[: part.num_counted]
        joined: Tensor = _AddUp.apply(whole)
        return joined

    def check_gradients(self, network: nn.Module) -> None:
        """Stop where a weight was left out of the backward pass: the ranks wait for all of them.

        Raises:
            UnusedWeightsError: With the first of their names.
        """
        if self.size == 1:
            return
        unused = [
            name
            for name, weight in network.named_parameters()
            if weight.requires_grad and weight.grad is None
        ]
        if unused:
            raise UnusedWeightsError(
                f"{len(unused)} weight(s) of this network do nothing for its output, such as "
                f"{unused[0]!r}; several workers cannot train it together. Train it on one "
                "(training.engine=local), or take another model.backbone"
            )

    def align(self, network: nn.Module) -> None:
        """Give all ranks the averages of batch normalization that the first one has."""
        if self.size > 1:
            for buffer in network.buffers():
                sent = buffer.contiguous()  # what is exchanged has to be
                dist.broadcast(sent, src=0)
                buffer.copy_(sent)

    def add_up(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Return the sums of ``values`` over all ranks; exchanged in the memory of ``device``."""
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(sums)
        return [float(value) for value in sums.tolist()]

    def join(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the ``scores`` of all ranks, one rank after the other."""
        if self.size == 1:
            return scores
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, scores)
        return np.concatenate(parts)


class _AddUp(torch.autograd.Function):
    """The sum over all ranks; so is its gradient. torch has one under a private name only."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


ALONE = Team()
