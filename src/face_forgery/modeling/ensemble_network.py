"""The networks of several detectors as one."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EnsembleNetwork(nn.Module):
    """Maps pixels to the logarithms of the summed probabilities of several networks.

    Their softmax is the mean of the members' probabilities. In float64, and by logarithms
    throughout, so that very certain scores stay apart. Weights that members have in common are
    held once.

    Args:
        members: Each ``(B, 3, S, S) -> logits (B, 2)`` whose softmax is calibrated.
        temperature: What the logarithms are divided by.
    """

    def __init__(self, members: Sequence[nn.Module], temperature: float = 1.0) -> None:
        super().__init__()
        share_equal_weights(members)
        self.members = nn.ModuleList(members)
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)``, float64, of ``images``, uint8 ``(B, 3, S, S)``."""
        votes = [F.log_softmax(member(images).double(), dim=1) for member in self.members]
        return torch.logsumexp(torch.stack(votes), dim=0) / self.temperature


def share_equal_weights(members: Sequence[nn.Module]) -> None:
    """Let members hold a weight once where they have an equal one under the same name."""
    known: dict[str, list[nn.Parameter]] = {}
    for member in members:
        for name, module in member.named_modules():
            for own, weight in module.named_parameters(recurse=False):
                others = known.setdefault(f"{name}.{own}", [])
                equal = next((other for other in others if _is_equal(other, weight)), None)
                if equal is None:
                    others.append(weight)
                else:
                    setattr(module, own, equal)


def _is_equal(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)
