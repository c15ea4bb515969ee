"""Pixel arithmetic of the drawings: smooth shapes, edges, noise, blur and random streams.

Pixels must come out the same on every machine, because shipped images are compared byte for
byte. Whatever decides a pixel therefore uses only operations that IEEE 754 rounds exactly
(+ - * / sqrt, comparisons) one element at a time: no exp, sin or power over arrays, no matrix
product, no sum whose order a library may choose. The one exception are the strengths that a forger
matches (``detail``, ``match_colors``): sums in double precision, whose last digits do not show.
"""

import numpy as np
from numpy.typing import NDArray

# (H, W), or (3, H, W) for an image: planes make masks broadcast fast. float32 at run time.
Plane = NDArray[np.floating]


def stream(*keys: int) -> np.random.Generator:
    """Return the random stream that belongs to ``keys`` (each >= 0), apart from all others."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(keys)))


def vary(rng: np.random.Generator, mean: float, spread: float) -> float:
    """Draw from a bell-shaped distribution that never leaves ``mean`` +- ``spread``."""
    return mean + spread * (rng.random() + rng.random() + rng.random() - 1.5) / 1.5


def smoothstep(low: float, high: float, values: Plane) -> Plane:
    """Return 0 below ``low``, 1 above ``high`` and a smooth rise between; low > high falls."""
    t: Plane = np.clip((values - low) * (1.0 / (high - low)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bump(squared_radius: Plane) -> Plane:
    """Return a smooth hill: 1 where the squared radius is 0, 0 from 1 on."""
    t: Plane = np.maximum(1.0 - squared_radius, 0.0)
    return t * t


def coverage(field: Plane, softness: float = 1.0) -> Plane:
    """Return how much of each pixel lies where a smooth field is positive, ``(H, W)`` in [0, 1].

    ``softness`` is the width of the edge in pixels; 1 is an anti-aliased hard edge.
    """
    along_y, along_x = np.gradient(field)
    steepness: Plane = np.sqrt(along_x * along_x + along_y * along_y) + np.float32(1e-6)
    return np.clip(field / (steepness * softness) + 0.5, 0.0, 1.0)


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Plane:
    """Return smooth noise in [-1, 1] of a shape: random lattice values, interpolated.

    ``cells`` of the lattice are along y and x; at another shape they give the same pattern.
    """
    lattice = (rng.random((cells[0] + 2, cells[1] + 2)) * 2.0 - 1.0).astype(np.float32)
    rows, row_part = _lattice_positions(shape[0], cells[0])
    columns, column_part = _lattice_positions(shape[1], cells[1])
    left, right = lattice[:, columns], lattice[:, columns + 1]
    along_x = left + (right - left) * column_part
    upper, lower = along_x[rows], along_x[rows + 1]
    lower -= upper
    lower *= row_part[:, None]
    upper += lower
    return upper


def _lattice_positions(num_pixels: int, num_cells: int) -> tuple[NDArray[np.intp], Plane]:
    position = (np.arange(num_pixels, dtype=np.float64) + 0.5) * (num_cells / num_pixels)
    cell = position.astype(np.intp)
    part = (position - cell).astype(np.float32)
    return cell, part * part * (3.0 - 2.0 * part)


def blur(image: Plane, radius: float) -> Plane:
    """Smooth ``(..., H, W)`` with a tent of that half width in pixels, >= 0 (edges repeat).

    The standard deviation of the tent is about ``radius / 2.45``.
    """
    reach = int(np.ceil(radius)) - 1
    if reach < 1:
        return image
    weights = [1.0 - abs(offset) / radius for offset in range(-reach, reach + 1)]
    total = sum(weights)
    for axis in (image.ndim - 2, image.ndim - 1):
        padding = [(0, 0)] * image.ndim
        padding[axis] = (reach, reach)
        padded = np.pad(image, padding, mode="edge")
        length = image.shape[axis]
        result = np.zeros_like(image)
        for offset, weight in enumerate(weights):
            part = [slice(None)] * image.ndim
            part[axis] = slice(offset, offset + length)
            result += padded[tuple(part)] * np.float32(weight / total)
        image = result
    return image


def blend(under: Plane, over: Plane | NDArray[np.float32], cover: Plane) -> None:
    """Lay ``over``, an image or color, onto the image ``under`` (in place) as far as it covers."""
    under += (over - under) * cover


def color(red: float, green: float, blue: float) -> NDArray[np.float32]:
    """Return a color ``(3, 1, 1)``, linear light, that broadcasts over an image."""
    return np.array([red, green, blue], dtype=np.float32).reshape(3, 1, 1)
