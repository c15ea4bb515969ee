"""The size that every image gets before the network sees it."""

import platform
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate

PixelTransform = Callable[[Tensor], Tensor]


def eval_transform(image_size: int, interpolation: str) -> PixelTransform:
    """Return the transform of every image that is scored, uint8 ``(3, H, W)`` to ``(3, S, S)``.

    The whole image is resized, antialiased, nothing is cropped; one that is not square is squeezed.
    """
    return partial(_squeeze, side=image_size, interpolation=interpolation)


def _squeeze(image: Tensor, side: int, interpolation: str) -> Tensor:
    """Return what torchvision's ``v2.Resize`` gives, to the bit.

    Importing torchvision takes seconds, and no other part of scoring an image needs it.
    """
    if image.shape[-2:] == (side, side):
        return image
    pixels = image.movedim(0, -1)
    # An image whose bytes lie as (H, W, 3) keeps their order, which is faster.
    batch = pixels[None].movedim(-1, 1) if pixels.is_contiguous() else image[None]
    is_exact = interpolation != "bilinear" or _has_fast_bytes()
    resized = interpolate(
        batch if is_exact else batch.float(),
        (side, side),
        mode=interpolation,
        align_corners=False,
        antialias=True,
    )
    return (resized if is_exact else resized.round_().to(torch.uint8))[0]


def _has_fast_bytes() -> bool:
    """Say whether this processor resizes bytes without a detour over floats."""
    is_vector = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return is_vector or platform.machine() in ("aarch64", "arm64")
