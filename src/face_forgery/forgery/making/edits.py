"""Edits of one region: tone, texture, size."""

import cv2
import numpy as np

from face_forgery.forgery.making.colors import Values, shift_colors
from face_forgery.forgery.making.masks import Mask
from face_forgery.forgery.making.warping import Pixels, warp_affine
from face_forgery.forgery.making.windows import Window


def another_tone(pixels: Pixels, rng: np.random.Generator, share: float) -> Pixels:
    """Change brightness, contrast, saturation and white of ``(h, w, 3)``; ``share``: how far."""
    shifted = shift_colors(
        pixels.astype(np.float32),
        gain=float(np.exp(rng.normal(0.0, 0.15 * share))),
        offset=float(rng.normal(0.0, 12.0 * share)),
        saturation=float(np.exp(rng.normal(0.0, 0.2 * share))),
        tint=(float(rng.normal(0.0, 3.5 * share)), float(rng.normal(0.0, 3.5 * share))),
    )
    return to_bytes(shifted)


def another_texture(pixels: Pixels, size: float, rng: np.random.Generator) -> Pixels:
    """Smooth the skin of ``(h, w, 3)`` and keep its edges, or bring out its lines.

    ``size`` is that of the face in pixels.
    """
    if rng.random() < 0.5:
        smooth = cv2.bilateralFilter(pixels, 5, rng.uniform(15.0, 45.0), max(1.5, 0.06 * size))
        return np.asarray(smooth, np.uint8)
    values = pixels.astype(np.float32)
    coarse = cv2.GaussianBlur(values, (0, 0), float(np.clip(0.05 * size, 1.0, 4.0)))
    lined = values + np.float32(rng.uniform(0.4, 1.2)) * (values - coarse)
    return to_bytes(lined)


def another_size(
    pixels: Pixels, largest: float, window: Window, mask: Mask, rng: np.random.Generator
) -> Pixels:
    """Enlarge or shrink what the mask covers around its middle.

    Args:
        pixels: ``(H, W, 3)``, the whole picture.
        largest: Change of the size, as a share of it.
        window: Where the mask lies.
        mask: ``(h, w)`` in [0, 1], not empty.
        rng: Decides how far and which way.

    Returns:
        ``(h, w, 3)``.
    """
    height, width = mask.shape
    total = float(mask.sum())
    x = float(mask.sum(axis=0) @ np.arange(width)) / total + window.left
    y = float(mask.sum(axis=1) @ np.arange(height)) / total + window.top
    factor = 1.0 + (1.0 if rng.random() < 0.5 else -1.0) * rng.uniform(0.3, 1.0) * largest
    matrix = np.array([[factor, 0.0, x * (1 - factor)], [0.0, factor, y * (1 - factor)]])
    return warp_affine(pixels, matrix, window).pixels


def to_bytes(values: Values) -> Pixels:
    """Round ``(h, w, 3)`` to the nearest levels in 0 to 255."""
    return np.asarray(cv2.add(values, (0.0, 0.0, 0.0, 0.0), dtype=cv2.CV_8U), np.uint8)
