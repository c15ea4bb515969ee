"""The network: a timm backbone behind the normalization of its pixels."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

NUM_CLASSES = 2  # logit 0: real, logit 1: fake


class DetectorNetwork(nn.Module):
    """Maps pixels to two logits.

    Normalization belongs to the network, so that nobody can forget it or do it twice. Everything
    is laid out channels-last, which convolutions prefer on CPUs and GPUs alike.

    Args:
        backbone: ``float (B, 3, S, S) -> (B, 2)``.
        mean: Of each channel, on the scale 0 to 1.
        std: Of each channel, on the scale 0 to 1.
        temperature: What the logits are divided by; 1 in training.
    """

    mean: Tensor
    std: Tensor
    _scale: Tensor
    _shift: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.backbone = backbone.to(memory_format=torch.channels_last)
        # Not part of the weights: they come from the preprocessing, wherever it is stored.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        # (x / 255 - mean) / std in one pass over the pixels
        self.register_buffer("_scale", 1.0 / (255.0 * self.std), persistent=False)
        self.register_buffer("_shift", -self.mean / self.std, persistent=False)
        self._body_dtype = torch.float32

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)`` of ``images``, uint8 ``(B, 3, S, S)``."""
        pixels = images.to(self.mean.dtype, memory_format=torch.channels_last)
        normalized = torch.addcmul(self._shift, pixels, self._scale)
        logits: Tensor = self.backbone(normalized.to(self._body_dtype))
        return logits / self.temperature

    def compute_in_bfloat16(self) -> None:
        """Compute all but the head in bfloat16 from now on; for scoring, not for training.

        The head stays in float32: with the 8 significant bits of bfloat16 many pictures would get
        the same logits.
        """
        self._body_dtype = torch.bfloat16
        self.backbone.to(torch.bfloat16)
        for head in heads_of(self.backbone):
            head.float().register_forward_pre_hook(_to_float32)


def heads_of(backbone: Any) -> tuple[nn.Module, ...]:
    """Return the layers of a timm backbone that give logits: one, or two of a distilled one."""
    heads = backbone.get_classifier()
    return tuple(heads) if isinstance(heads, tuple | list) else (heads,)


def _to_float32(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(value.float() for value in inputs)
