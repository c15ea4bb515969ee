"""Images moved so that landmarks come to lie on other landmarks."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.landmarks import Points, affine_between, apply_affine, face_size
from face_forgery.forgery.making.masks import Mask, Window

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB

_KNOTS = 18  # at which movements are computed along each side; between them they are interpolated
_REACH = 0.45  # of the face's size: how far a landmark takes its surroundings along
_FLOOR = 0.05  # weight of staying where one is


class Warped(NamedTuple):
    """A part of a moved image."""

    pixels: Pixels
    covered: Mask | None  # (h, w): 0 where the image had no pixel; None: it had all


def warp_to(
    pixels: Pixels, source: Points, target: Points, window: Window, *, fit: float
) -> Warped:
    """Return what an image shows in ``window`` after its landmarks are moved onto others.

    The whole moves by the affine map that fits best; of the rest of the way the proportion ``fit``
    is gone, near landmarks only. ``window`` is of the image that ``target`` belongs to.
    """
    matrix = affine_between(target, source)
    rest = (source - apply_affine(matrix, target)) * fit
    return warp_affine(pixels, matrix, window, _spread(target, rest, window))


def warp_within(pixels: Pixels, source: Points, target: Points, window: Window) -> Warped:
    """Return ``window`` of an image whose landmarks are moved; far from them nothing moves."""
    same = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    return warp_affine(pixels, same, window, _spread(target, source - target, window))


def _spread(points: Points, moves: Points, window: Window) -> NDArray[np.float32]:
    """Return how far pixels of ``window`` move, ``(h, w, 2)``, given the moves of points."""
    height, width = window.shape
    rows, columns = min(_KNOTS, height), min(_KNOTS, width)
    x = (np.arange(columns) + 0.5) * width / columns - 0.5 + window.left
    y = (np.arange(rows) + 0.5) * height / rows - 0.5 + window.top
    scale = 1.0 / (2.0 * (_REACH * face_size(points)) ** 2)
    near_x = np.exp(-scale * (x[:, None] - points[None, :, 0]) ** 2)  # (columns, 68)
    near_y = np.exp(-scale * (y[:, None] - points[None, :, 1]) ** 2)  # (rows, 68)
    weighted = np.column_stack([moves, np.ones(len(moves))])  # (68, 3)
    sums = np.einsum("rn,cn,nk->rck", near_y, near_x, weighted, optimize=True)
    knots = (sums[..., :2] / (sums[..., 2:] + _FLOOR)).astype(np.float32)
    return np.asarray(cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR))


def warp_affine(
    pixels: Pixels,
    matrix: NDArray[np.float64],
    window: Window,
    moves: NDArray[np.float32] | None = None,
) -> Warped:
    """Return what an image shows in ``window`` after it is moved as a whole.

    ``matrix``, ``(2, 3)``, leads from a pixel of the window to where it is taken, to which
    ``moves``, ``(h, w, 2)``, are added.
    """
    x = np.arange(window.left, window.right, dtype=np.float32)
    y = np.arange(window.top, window.bottom, dtype=np.float32)[:, None]
    (a, b, c), (d, e, f) = matrix.astype(np.float32)
    across, down = a * x + b * y + c, d * x + e * y + f
    if moves is not None:
        across += moves[..., 0]
        down += moves[..., 1]
    moved = cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return Warped(np.asarray(moved, np.uint8), _coverage(across, down, pixels.shape))


def _coverage(
    across: NDArray[np.float32], down: NDArray[np.float32], shape: tuple[int, ...]
) -> Mask | None:
    """Return how far inside of the image each position is: 1 within it, 0 from 4 pixels outside.

    ``None`` where that is 1 everywhere.
    """
    height, width = shape[:2]
    low = min(float(across.min()), float(down.min()))
    if low >= 0 and float(across.max()) <= width - 1 and float(down.max()) <= height - 1:
        return None
    inside = np.minimum(np.minimum(across, width - 1 - across), np.minimum(down, height - 1 - down))
    return np.clip(inside * np.float32(0.25) + 1.0, 0.0, 1.0, out=inside)
