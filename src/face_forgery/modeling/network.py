"""The network: a timm backbone behind the normalization of its pixels."""

from collections.abc import Sequence

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

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)`` of ``images``, uint8 ``(B, 3, S, S)``."""
        pixels = images.to(self.mean.dtype, memory_format=torch.channels_last)
        logits: Tensor = self.backbone((pixels / 255.0 - self.mean) / self.std)
        return logits / self.temperature
