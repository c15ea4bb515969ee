"""Moving pixels: affine maps between faces, warps, and the detour over fewer pixels."""

import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.rendering.fields import Plane, blur
from face_forgery.forgery.rendering.geometry import Points

Affine = tuple[tuple[float, float, float], tuple[float, float, float]]


def affine_between(source: Points, target: Points) -> Affine:
    """Return the affine map that takes three source points to three target points.

    Args:
        source: ``(3, 2)``, not on one line.
        target: ``(3, 2)``.

    Raises:
        ValueError: If the source points lie on one line.
    """
    (x0, y0), (x1, y1), (x2, y2) = source.tolist()
    ux, uy, vx, vy = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    area = ux * vy - uy * vx
    if abs(area) < 1e-9:
        raise ValueError(f"the points {source.tolist()} lie on one line; no affine map exists")
    rows = []
    for t0, t1, t2 in target.T.tolist():
        along_x = ((t1 - t0) * vy - (t2 - t0) * uy) / area
        along_y = ((t2 - t0) * ux - (t1 - t0) * vx) / area
        rows.append((along_x, along_y, t0 - along_x * x0 - along_y * y0))
    return (rows[0], rows[1])


def apply_affine(affine: Affine, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """Return the mapped coordinates; the planes broadcast against each other."""
    (a, b, c), (d, e, f) = affine
    return a * x + b * y + c, d * x + e * y + f


def pixel_grid(rows: slice, columns: slice) -> tuple[Plane, Plane]:
    """Return x ``(1, W)`` and y ``(H, 1)`` of the pixel centers of a part of a picture."""
    x = np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5)
    y = np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5)
    return x[None, :], y[:, None]


def sample(image: Plane, x: Plane, y: Plane) -> Plane:
    """Read a picture between its pixels, bilinearly; outside, the border repeats.

    Args:
        image: ``(3, H, W)``.
        x: ``(h, w)`` positions in pixels, the center of the first pixel at 0.5.
        y: Likewise.

    Returns:
        ``(3, h, w)``.
    """
    height, width = image.shape[1:]
    column, right_part = _cells(x, width)
    row, lower_part = _cells(y, height)
    flat = image.reshape(3, -1)
    start = row * width + column
    upper_left, upper_right = flat[:, start], flat[:, start + 1]
    lower_left, lower_right = flat[:, start + width], flat[:, start + width + 1]
    upper = upper_left + (upper_right - upper_left) * right_part
    lower = lower_left + (lower_right - lower_left) * right_part
    return upper + (lower - upper) * lower_part


def _cells(position: Plane, length: int) -> tuple[NDArray[np.int32], Plane]:
    shifted = np.clip(position - np.float32(0.5), 0.0, length - 1.0)
    cell = np.minimum(shifted.astype(np.int32), length - 2)
    return cell, shifted - cell


def fewer_pixels(image: Plane, factor: float) -> Plane:
    """Return the picture after a detour over fewer pixels, as the output of a generator has it.

    Args:
        image: ``(3, H, W)``.
        factor: Share of the pixels along each side that the detour keeps, in (0, 1].
    """
    height, width = image.shape[1:]
    rows, columns = kept_pixels((height, width), factor)
    smooth = blur(image, max(1.0, 0.9 / factor))
    small = smooth[:, _centers(rows, height)][:, :, _centers(columns, width)]
    return enlarge(small, (height, width))


def kept_pixels(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """Return how many rows and columns a generator with that share of the pixels has."""
    return max(2, round(shape[0] * factor)), max(2, round(shape[1] * factor))


def enlarge(small: Plane, shape: tuple[int, int]) -> Plane:
    """Return ``(..., h, w)`` brought to ``(..., H, W)`` by bilinear interpolation."""
    row, lower_part = _cells(_positions(shape[0], small.shape[-2]), small.shape[-2])
    column, right_part = _cells(_positions(shape[1], small.shape[-1]), small.shape[-1])
    upper, lower = small[..., row, :], small[..., row + 1, :]
    along_y = upper + (lower - upper) * lower_part[:, None]
    left, right = along_y[..., column], along_y[..., column + 1]
    return left + (right - left) * right_part


def _centers(num_kept: int, length: int) -> NDArray[np.intp]:
    return ((np.arange(num_kept, dtype=np.float64) + 0.5) * (length / num_kept)).astype(np.intp)


def _positions(length: int, num_kept: int) -> Plane:
    steps = np.arange(length, dtype=np.float64) + 0.5
    return (steps * (num_kept / length)).astype(np.float32)
