"""What the ranks of torch's default process group exchange; without one nothing is exchanged.

All ranks call the same functions in the same order, each waiting for the others.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from timm.layers import convert_sync_batchnorm
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from face_forgery.data.loading.rng import mix_seed

NetworkT = TypeVar("NetworkT", bound=nn.Module)


class UnusedWeightsError(ValueError):
    """A network has weights that its output does not follow from; several ranks cannot train it."""


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def synchronize_batch_norm(network: NetworkT) -> NetworkT:
    """Return ``network``, not yet in an optimizer, normalizing batches over all ranks on GPUs.

    torch has that for GPUs alone: on CPUs each rank normalizes over its own images, and the
    averages of the first one are kept.
    """
    if world_size() == 1 or not next(network.parameters()).is_cuda:
        return network
    synchronized: NetworkT = convert_sync_batchnorm(network)
    return synchronized


def distribute(module: nn.Module) -> nn.Module:
    """Return ``module`` with gradients that are the means over all ranks.

    The parameters are those of ``module``; at the start they become those of the first rank.
    """
    return module if world_size() == 1 else DistributedDataParallel(module)


def seed_rank(*numbers: int) -> None:
    """Seed torch by ``numbers`` and the rank: dropout must not be the same on all ranks."""
    if world_size() > 1:
        torch.manual_seed(mix_seed(rank(), *numbers))


def check_gradients(network: nn.Module) -> None:
    """Stop where a weight was left out of the backward pass: the ranks would wait for it.

    Raises:
        UnusedWeightsError: With the first of their names.
    """
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


def broadcast_buffers(network: nn.Module) -> None:
    """Give all ranks the averages of batch normalization that the first one has."""
    if world_size() > 1:
        for buffer in network.buffers():
            sent = buffer.contiguous()  # what is exchanged has to be
            dist.broadcast(sent, src=0)
            buffer.copy_(sent)


def sum_over_ranks(values: Sequence[float], device: torch.device) -> list[float]:
    """Return the sums of ``values`` over all ranks; exchanged in the memory of ``device``."""
    sums = torch.tensor(values, dtype=torch.float64, device=device)
    if world_size() > 1:
        dist.all_reduce(sums)
    return [float(value) for value in sums.tolist()]


def gather(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ``scores`` of all ranks, one rank after the other."""
    if world_size() == 1:
        return scores
    parts: list[Any] = [None] * world_size()
    dist.all_gather_object(parts, scores)
    return np.concatenate(parts)
