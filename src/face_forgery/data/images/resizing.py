"""The size that every image gets before the network sees it."""

from collections.abc import Callable

from torch import Tensor, nn
from torchvision.transforms import InterpolationMode, v2

PixelTransform = Callable[[Tensor], Tensor]


def eval_transform(image_size: int, interpolation: str) -> nn.Module:
    """Return the transform of every image that is scored.

    Args:
        image_size: Side ``S`` of the square output, in pixels.
        interpolation: ``bilinear`` or ``bicubic``; always antialiased.

    Returns:
        ``uint8 (3, H, W) -> uint8 (3, S, S)``. The whole image is resized, nothing is cropped; an
        image that is not square is squeezed.
    """
    resize: nn.Module = v2.Resize(
        (image_size, image_size), interpolation=InterpolationMode(interpolation), antialias=True
    )
    return resize
