"""The networks: a timm backbone behind the normalization of its pixels, and means of several."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from face_forgery.modeling.inputs import FixedFilters

NUM_CLASSES = 2  # logit 0: real, logit 1: fake
_CROP = 0.875  # of each side, what the crop of test-time augmentation keeps


class DetectorNetwork(nn.Module):
    """Maps pixels to two logits.

    Normalization belongs to the network, so that nobody can forget it or do it twice. Everything
    is laid out channels-last, which convolutions prefer on CPUs and GPUs alike.

    Args:
        backbone: ``float (B, C, S, S) -> (B, 2)``, where C is 3 and as many as ``extra`` gives.
        mean: Of each color, on the scale 0 to 1.
        std: Of each color.
        temperature: What the logits are divided by; 1 in training.
        extra: Gives the channels after the colors (`modeling/inputs.py`), if there are any.
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
        extra: FixedFilters | None = None,
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.extra = extra
        _make_patches_exact(backbone)
        self.backbone = backbone.to(memory_format=torch.channels_last)
        # Not part of the weights: they come from the preprocessing, wherever it is stored.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        # (x / 255 - mean) / std in one pass over the pixels
        self.register_buffer("_scale", 1.0 / (255.0 * self.std), persistent=False)
        self.register_buffer("_shift", -self.mean / self.std, persistent=False)
        self._body_dtype = torch.float32
        self._keeps_statistics = False
        self._trains_unfused = False

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)`` of ``images``, uint8 ``(B, 3, S, S)``.

        Of features ``(B, F)``, as `logits_and_features` gives them, in the place of images, too.
        """
        if images.ndim == 2:
            head = self._head
            given = images[..., None, None] if isinstance(head, nn.Conv2d) else images
            of_features: Tensor = head(given).flatten(1)
            return of_features / self.temperature
        pixels = images.to(self.mean.dtype, memory_format=torch.channels_last)
        seen = torch.addcmul(self._shift, pixels, self._scale)
        if self.extra is not None:
            seen = torch.cat([seen, self.extra(pixels)], dim=1)
            seen = seen.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.backbone(seen.to(self._body_dtype))
        return logits / self.temperature

    def logits_and_features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return, of one forward pass, logits ``(B, 2)`` and the head's input ``(B, F)``."""
        seen: list[Tensor] = []
        hook = self._head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            logits: Tensor = self(images)
        finally:
            hook.remove()
        return logits, seen[0].flatten(1)

    @property
    def _head(self) -> nn.Module:
        return heads_of(self.backbone)[0]

    def keep_statistics(self) -> None:
        """From now on leave the statistics of batch normalization as they are, in training, too."""
        self._keeps_statistics = True
        self.train(self.training)

    def train_with_plain_attention(self) -> None:
        """From now on compute attention in training step by step, where that is faster.

        Gradients of torch's fused attention do not use the matrix units of CPUs with AMX: in
        bfloat16 a ViT-S trained 1.4 times as fast without (docs/experiments.md). Scoring stays
        fused.
        """
        self._trains_unfused = _has_amx()
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of every layer, but for those that keep their statistics."""
        super().train(mode)
        if self._trains_unfused:
            for layer in self.backbone.modules():
                if hasattr(layer, "fused_attn"):  # of timm
                    layer.fused_attn = not mode  # type: ignore[assignment]
        if self._keeps_statistics:
            for layer in self.backbone.modules():
                if isinstance(layer, _BatchNorm):
                    layer.eval()
        return self

    def compute_in_bfloat16(self) -> None:
        """Compute all but the head in bfloat16 from now on; for scoring, not for training.

        The head stays in float32: with the 8 significant bits of bfloat16 many images would get
        the same logits.
        """
        self._body_dtype = torch.bfloat16
        self.backbone.to(torch.bfloat16)
        for head in heads_of(self.backbone):
            head.float().register_forward_pre_hook(_to_float32)


class PatchConv(nn.Conv2d):
    """A convolution of patches that do not overlap; on CPUs with AMX it computes in float32.

    In bfloat16 oneDNN gives numbers there that have nothing to do with the input (torch 2.15.0:
    4, 6, 8, ... channels, a kernel of 4, 8 or 16 that is also the stride, batches of 8 and more).
    """

    def forward(self, seen: Tensor) -> Tensor:
        """Return ``(B, F, H', W')`` of ``seen``, float ``(B, C, H, W)``, in its type."""
        if seen.device.type != "cpu" or not _has_amx():
            return super().forward(seen)
        with torch.autocast("cpu", enabled=False):
            bias = None if self.bias is None else self.bias.float()
            exact: Tensor = self._conv_forward(seen.float(), self.weight.float(), bias)
        return exact.to(seen.dtype)


@cache
def _has_amx() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def _make_patches_exact(backbone: nn.Module) -> None:
    for layer in backbone.modules():
        if type(layer) is not nn.Conv2d:
            continue
        is_of_patches = layer.kernel_size == layer.stride and max(layer.kernel_size) > 1
        if is_of_patches and layer.in_channels % 2 == 0:
            layer.__class__ = PatchConv


def heads_of(backbone: Any) -> tuple[nn.Module, ...]:
    """Return the layers of a timm backbone that give logits: one, or two of a distilled one."""
    heads = backbone.get_classifier()
    return tuple(heads) if isinstance(heads, tuple | list) else (heads,)


def count_parameters(network: nn.Module) -> int:
    """Return how many weights ``network`` has: a shared one counts once, buffers do not."""
    return sum(weight.numel() for weight in network.parameters())


def _to_float32(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(value.float() for value in inputs)


class TTANetwork(nn.Module):
    """Maps pixels to the mean of the logits that a network gives of several images of a face.

    Of the logits and not of the probabilities: one temperature then calibrates the mean as it does
    a single image, and very certain scores stay apart. ``augmentations`` are names of `augment`.
    """

    def __init__(self, network: nn.Module, augmentations: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.augmentations = tuple(augmentations)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)`` of ``images``, uint8 or float ``(B, 3, S, S)``."""
        logits = [self.network(augment(images, name)) for name in self.augmentations]
        return torch.stack(logits).mean(dim=0)


def augment(images: Tensor, name: str) -> Tensor:
    """Return what test-time augmentation makes of images, ``(B, 3, S, S)`` in 0 to 255.

    ``whole``: the images themselves; ``flipped``: left and right exchanged; ``closer``: the middle
    7/8 of both sides, enlarged to S, in float; ``closer_flipped``: both.
    """
    if name.startswith("closer"):
        side = int(images.shape[-1])
        kept = round(_CROP * side)
        start = (side - kept) // 2
        middle = images[..., start : start + kept, start : start + kept].float()
        images = F.interpolate(middle, size=(side, side), mode="bilinear", align_corners=False)
    return images.flip(-1) if name.endswith("flipped") else images


class EnsembleNetwork(nn.Module):
    """Maps pixels to the logarithms of the summed probabilities of several networks.

    Their softmax is the mean of the members' probabilities. In float64, and by logarithms
    throughout, so that very certain scores stay apart. Weights that members have in common are
    held once. ``temperature`` is what the logarithms are divided by.
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
                same = (one for one in others if one.dtype == weight.dtype)
                equal = next((one for one in same if torch.equal(one, weight)), None)
                if equal is None:
                    others.append(weight)
                else:
                    setattr(module, own, equal)
