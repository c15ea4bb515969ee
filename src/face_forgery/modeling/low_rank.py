"""Changes of low rank on top of frozen weights, and the plain weights that they amount to."""

import math
from collections.abc import Iterable, Mapping

from torch import Tensor, nn
from torch.nn.utils import parametrize

_ADDED = ".parametrizations.weight."  # in the names that torch gives to what is added to a weight


class LowRank(nn.Module):
    """Adds to a weight a matrix of low rank, which begins as zero.

    The weight ``W`` becomes ``W + B A`` with ``A`` of ``rank`` rows and ``B`` of ``rank`` columns;
    a weight of a convolution counts as the matrix of its filters, a row each. Source: Hu et al.
    2022, LoRA: Low-Rank Adaptation of Large Language Models, with ``alpha = rank``.

    Args:
        weight: ``(out, in)`` or ``(out, in, height, width)``; not changed.
        rank: At least 1; no more than the matrix can have is used.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = len(weight), weight[0].numel()
        rank = min(rank, rows, columns)
        self.up = nn.Parameter(weight.new_zeros(rows, rank))  # B
        self.down = nn.Parameter(weight.new_empty(rank, columns))  # A
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the changed weight."""
        return weight + (self.up @ self.down).view(weight.shape)


def add_low_rank(layers: Iterable[nn.Linear | nn.Conv2d], rank: int) -> None:
    """Let the weights of ``layers`` change by a matrix of low rank; they start unchanged.

    The layers stay what they are to everybody who reads their ``weight``, such as the attention of
    some timm backbones, which never calls them. What of them is trained is not decided here.
    """
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", LowRank(layer.weight.detach(), rank))


def plain_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the ``state`` of a network as if nothing had been added to its layers."""
    weights = {name: value for name, value in state.items() if _ADDED not in name}
    for name, weight in state.items():
        layer, added, part = name.partition(_ADDED)
        if added and part == "original":
            up, down = (state[f"{layer}{_ADDED}0.{factor}"] for factor in ("up", "down"))
            weights[f"{layer}.weight"] = weight + (up @ down).view(weight.shape)
    return weights
