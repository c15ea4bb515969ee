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
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from face_forgery.data.batches import share_of
from face_forgery.data.draws import mix

NetworkT = TypeVar("NetworkT", bound=nn.Module)


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

    def count_own(self, num_images: int) -> int:
        """Return how many images of a batch of ``num_images`` fall to this rank."""
        return len(share_of(num_images, self.rank, self.size))

    def share(self, batches: Any) -> Any:
        """Return what of ``batches`` falls to this rank."""
        return batches if self.size == 1 else batches.share(self.rank, self.size)

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
            torch.manual_seed(mix(self.rank, *numbers))

    def join_gradients(self, network: nn.Module) -> nn.Module:
        """Return a module whose gradients are the means over all ranks.

        The parameters are those of ``network``, whose names and state stay as they are; at the
        start they become those of the first rank.
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


ALONE = Team()
