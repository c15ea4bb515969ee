"""The size that every image gets before the network sees it."""

from collections.abc import Callable

from torch import Tensor, nn
from torchvision.transforms import InterpolationMode, v2

PixelTransform = Callable[[Tensor], Tensor]


def eval_transform(image_size: int, interpolation: str) -> nn.Module:
    """Return the transform of every image that is scored, uint8 ``(3, H, W)`` to ``(3, S, S)``.

    The whole image is resized, antialiased, nothing is cropped; one that is not square is squeezed.
    """
    resize: nn.Module = v2.Resize(
        (image_size, image_size), interpolation=InterpolationMode(interpolation), antialias=True
    )
    return resize
