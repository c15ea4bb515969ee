"""Masks: which pixels of a face are replaced, and how much of each.

A mask starts as the convex hull of some landmarks, a little larger or smaller than they are. Its
outline is bent by smooth noise and its edge made soft, so that no two forgeries share a border.
"""

import math
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.landmarks import BROWS, CONTOUR, EYES, LIPS, NOSE, Points

Mask = NDArray[np.float32]  # (h, w) in [0, 1]
Region = Literal["face", "inner", "lower", "mouth", "eyes", "left_eye", "right_eye", "nose"]
REGIONS: tuple[Region, ...] = get_args(Region)

_SUBPIXEL_BITS = 4
_KNOTS = 5  # of the noise that bends an outline, along each side of its window
_SOFTNESS = (0.0, 0.015, 0.035, 0.06, 0.1)  # of the region's shorter side
_BEND = 0.05  # of the same
_LEAST = 1.0 / 255.0  # weights below change no pixel


class Window(NamedTuple):
    """Pixels ``left <= x < right`` and ``top <= y < bottom``, within the image."""

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
    """Return the smallest window with all points and ``margin``; ``None`` below 2 x 2 pixels."""
    height, width = shape[:2]
    left, top = (max(0, math.floor(value)) for value in points.min(axis=0) - margin)
    right, bottom = (math.ceil(value) + 1 for value in points.max(axis=0) + margin)
    window = Window(left, top, min(right, width), min(bottom, height))
    return window if min(window.shape) >= 2 else None


def draw_mask(
    points: Points, region: Region, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[Window, Mask]:
    """Draw a mask of a region; where that lies outside of the image, of the whole face.

    ``points`` are ``(68, 2)``; ``rng`` decides size, outline and softness. Returns the window of
    the image that it covers, and ``(h, w)`` in [0, 1] for it; somewhere above 0.5.
    """
    polygon = _outline(points, region)
    extent = float(np.ptp(polygon, axis=0).min())
    feather = extent * float(rng.choice(_SOFTNESS))
    wobble = extent * rng.uniform(0.0, _BEND)
    polygon = _grown(polygon, rng.uniform(0.9, 1.1))
    polygon += rng.normal(0.0, 0.015 * extent, polygon.shape)
    bends = rng.standard_normal((2, _KNOTS, _KNOTS), dtype=np.float32) * np.float32(wobble)
    window = window_around(polygon, 2.0 * (feather + wobble) + 2.0, shape)
    if window is not None:
        mask = _feathered(_bent(_filled(polygon, window), bends), feather)
        if float(mask.max()) > 0.5:
            return window, mask
    if region == "face":
        return whole_image(shape)
    return draw_mask(points, "face", shape, rng)


def whole_image(shape: tuple[int, ...]) -> tuple[Window, Mask]:
    """Return the window and the mask of everything."""
    height, width = shape[:2]
    return Window(0, 0, width, height), np.ones((height, width), np.float32)


def _outline(points: Points, region: Region) -> Points:
    """Return points around a region, ``(N, 2)``."""
    if region in ("face", "inner"):
        return _whole_outline(points, region)
    if region == "lower":
        lips = points[LIPS]
        return np.concatenate([_grown(lips, 1.25), points[CONTOUR][4:13], points[NOSE][[4, 8]]])
    if region == "eyes":
        return _grown(np.concatenate([points[EYES], points[BROWS]]), 1.12)
    if region == "nose":
        return _grown(points[NOSE], 1.25)
    if region == "mouth":
        return _grown(points[LIPS], 1.35)
    return _grown(points[36:42] if region == "left_eye" else points[42:48], 1.8)


def _whole_outline(points: Points, region: Region) -> Points:
    """Return the contour and the brows raised towards the forehead, both for ``inner`` nearer."""
    brows = points[BROWS]
    up: Points = brows.mean(axis=0) - points[EYES].mean(axis=0)
    if region == "face":
        return np.concatenate([points[CONTOUR], brows + 0.6 * up])
    middle: Points = points[NOSE].mean(axis=0)
    contour = middle + (points[CONTOUR][2:15] - middle) * 0.8
    return np.concatenate([contour, brows + 0.2 * up])


def _grown(points: Points, factor: float) -> Points:
    middle: Points = points.mean(axis=0)
    return middle + (points - middle) * factor


def _filled(polygon: Points, window: Window) -> Mask:
    hull = cv2.convexHull((polygon - window.corner).astype(np.float32))
    scaled = np.rint(np.clip(hull, -1e5, 1e5) * 2**_SUBPIXEL_BITS).astype(np.int32)
    mask = np.zeros(window.shape, np.uint8)
    cv2.fillConvexPoly(mask, scaled, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return mask.astype(np.float32) * np.float32(1.0 / 255.0)


def _bent(mask: Mask, bends: NDArray[np.float32]) -> Mask:
    height, width = mask.shape
    moves = [cv2.resize(bend, (width, height), interpolation=cv2.INTER_CUBIC) for bend in bends]
    across = moves[0] + np.arange(width, dtype=np.float32)
    down = moves[1] + np.arange(height, dtype=np.float32)[:, None]
    bent: Mask = cv2.remap(mask, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return bent


def _feathered(mask: Mask, feather: float) -> Mask:
    """Soften the edge: three box filters come close to a Gaussian of ``feather`` pixels."""
    width = round(feather * 2.0) // 2 * 2 + 1
    if width > 1:
        for _ in range(3):
            mask = cv2.blur(mask, (width, width), borderType=cv2.BORDER_REPLICATE)
    mask[mask < _LEAST] = 0.0
    return np.clip(mask, 0.0, 1.0, out=mask)
