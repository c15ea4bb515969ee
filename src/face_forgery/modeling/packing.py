"""Pictures of several sizes as one tensor, for networks whose members read them in several ways."""

from collections.abc import Sequence

import torch
from torch import Tensor


def pack(images: Sequence[Tensor]) -> Tensor:
    """Return the images of one picture as one tensor.

    Args:
        images: ``(3, S, S)`` each, of one type; a side for each way of reading.

    Returns:
        ``(3, S, S)`` where there is one way, else ``(3, P)``, the pixels of one behind those of
        the other: P is the sum of all ``S * S``.
    """
    if len(images) == 1:
        return images[0]
    return torch.cat([image.flatten(1) for image in images], dim=1)


def unpack(images: Tensor, sides: Sequence[int]) -> list[Tensor]:
    """Return what ``pack`` was given, of a batch.

    Args:
        images: ``(B, 3, S, S)`` or ``(B, 3, P)``.
        sides: S of each way of reading.

    Returns:
        ``(B, 3, S, S)`` for each of ``sides``.
    """
    if len(sides) == 1:
        return [images]
    parts = torch.split(images, [side * side for side in sides], dim=2)
    return [
        part.reshape(*part.shape[:2], side, side) for part, side in zip(parts, sides, strict=True)
    ]
