"""Parts of a face, placed by landmarks: what a forgery replaces.

Face axes: the eyes' centers are at (-1, 0) and (1, 0), the middle of the mouth at (0, 1). They
follow position, size, turn and proportions of a face, drawn or photographed.
"""

from dataclasses import dataclass

import numpy as np

from face_forgery.forgery.rendering.fields import Plane, bump, coverage
from face_forgery.forgery.rendering.geometry import Box, Landmarks, Points
from face_forgery.forgery.rendering.resampling import affine_between, apply_affine, pixel_grid

FACE_AXES: Points = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


@dataclass(frozen=True)
class Region:
    """A part of a face, in face axes: an ellipse, or squarer with a higher ``power``."""

    middle: tuple[float, float]
    radii: tuple[float, float]
    power: int = 1


INNER_FACE = Region((0.0, 0.45), (1.72, 1.12))
MOUTH = Region((0.0, 1.06), (1.36, 0.60), 2)
EYES = Region((0.0, -0.06), (1.90, 0.52), 2)
LOWER_FACE = Region((0.0, 1.05), (1.60, 0.68), 2)
FOREHEAD = Region((0.0, -0.80), (1.60, 0.52), 2)


def face_axes(landmarks: Landmarks, rows: slice, columns: slice) -> tuple[Plane, Plane]:
    """Return the position of each pixel of a part of the picture in face axes, ``(h, w)`` each."""
    to_axes = affine_between(landmarks.eyes_and_mouth, FACE_AXES)
    return apply_affine(to_axes, *pixel_grid(rows, columns))


def region_mask(landmarks: Landmarks, face: Plane, region: Region, feather: float) -> Plane:
    """Return the feathered mask of a region, kept on the face.

    Args:
        landmarks: Place the region.
        face: ``(H, W)`` in [0, 1], which bounds it.
        region: What to cover.
        feather: Width of the edge in pixels; at least 1 is used.

    Returns:
        ``(H, W)`` in [0, 1].
    """
    height, width = face.shape
    p, q = face_axes(landmarks, slice(0, height), slice(0, width))
    p, q = (p - region.middle[0]) / region.radii[0], (q - region.middle[1]) / region.radii[1]
    p2, q2 = p * p, q * q
    for _ in range(region.power - 1):
        p2, q2 = p2 * p2, q2 * q2
    return coverage(1.0 - p2 - q2, softness=max(1.0, feather)) * face


def hill(p: Plane, q: Plane, middle: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """Return a smooth hill over face axes: 1 in its middle, 0 outside of its radii."""
    dp, dq = (p - middle[0]) / radii[0], (q - middle[1]) / radii[1]
    return bump(dp * dp + dq * dq)


def bounds(mask: Plane) -> tuple[slice, slice]:
    """Return rows and columns that hold all of a mask.

    Raises:
        ValueError: If the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError(f"the mask of {mask.shape[0]} x {mask.shape[1]} pixels is empty")
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def feature_boxes(landmarks: Landmarks, size: tuple[int, int]) -> dict[str, Box]:
    """Return a box around each feature: eyes, brows, nose, mouth and the whole face.

    Args:
        landmarks: In pixels.
        size: Height and width of the picture, which bound the boxes.
    """
    to_pixels = affine_between(FACE_AXES, landmarks.eyes_and_mouth)
    pad_x = 0.12 * abs(to_pixels[0][0]) + 1.0
    pad_y = 0.12 * abs(to_pixels[1][1]) + 1.0
    wings = np.array([2.5 * pad_x, 0.0])
    named = {
        "left_eye": (landmarks.left_eye, 2.0 * pad_y),
        "right_eye": (landmarks.right_eye, 2.0 * pad_y),
        "left_brow": (landmarks.left_brow, pad_y),
        "right_brow": (landmarks.right_brow, pad_y),
        "nose": (np.concatenate([landmarks.nose - wings, landmarks.nose + wings]), pad_y),
        "mouth": (landmarks.mouth, pad_y),
        "face": (landmarks.contour, pad_y),
    }
    return {name: _box(points, pad_x, pad, size) for name, (points, pad) in named.items()}


def _box(points: Points, pad_x: float, pad_y: float, size: tuple[int, int]) -> Box:
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    height, width = size
    return (
        max(0, int(left - pad_x)),
        max(0, int(top - pad_y)),
        min(width, int(right + pad_x) + 1),
        min(height, int(bottom + pad_y) + 1),
    )
