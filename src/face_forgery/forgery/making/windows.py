"""The part of a picture that a forger works in."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.landmarks import Points


class Window(NamedTuple):
    """Pixels ``left <= x < right`` and ``top <= y < bottom``, within the picture."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def plane(self) -> tuple[slice, slice]:
        """Index of its rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def corner(self) -> NDArray[np.float64]:
        """``(x, y)`` of its first pixel."""
        return np.array([self.left, self.top], dtype=np.float64)


def window_around(points: Points, margin: float, shape: tuple[int, ...]) -> Window | None:
    """Return the smallest window with all points and ``margin`` pixels around them.

    Args:
        points: ``(N, 2)``.
        margin: Pixels on every side.
        shape: Height and width of the picture first.

    Returns:
        ``None`` if it has no two rows and columns within the picture.
    """
    height, width = shape[:2]
    left, top = (max(0, math.floor(value)) for value in points.min(axis=0) - margin)
    right, bottom = (math.ceil(value) + 1 for value in points.max(axis=0) + margin)
    window = Window(left, top, min(right, width), min(bottom, height))
    return window if min(window.shape) >= 2 else None
