"""Landmarks of a face: five points or 68, their geometry, and those of another expression.

Two schemes are taken. Five points, as face detectors give them: the eye on the left of the image,
the other eye, the tip of the nose, the left and the right corner of the mouth. 68 points, as
iBUG 300-W numbers them (Sagonas et al. 2013): 0 to 16 contour, 17 to 26 brows, 27 to 35 nose,
36 to 47 eyes, 48 to 67 mouth. Everything else works on 68; five are completed by a mean face.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (N, 2): x to the right, y down, pixels; the corner pixel is at 0

SCHEMES = (5, 68)
LEAST_SIZE = 6.0  # pixels between eyes and mouth
CONTOUR, BROWS, NOSE = slice(0, 17), slice(17, 27), slice(27, 36)
EYES, MOUTH, LIPS = slice(36, 48), slice(48, 68), slice(48, 60)
MIRRORED = (  # which of the 68 each becomes in a mirror
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    *range(45, 41, -1), 47, 46, *range(39, 35, -1), 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65,
)  # fmt: skip
_TIP, _LEFT_CORNER, _RIGHT_CORNER = 30, 48, 54
_UPPER_LIDS, _LOWER_LIDS = (37, 38, 43, 44), (40, 41, 46, 47)
_UPPER_LIP, _LOWER_LIP = (49, 50, 51, 52, 53, 61, 62, 63), (55, 56, 57, 58, 59, 65, 66, 67)
_CORNERS = ((48, 60), (54, 64))
_JAW = slice(5, 12)  # of the contour, around the chin
_STILL = (*range(36, 48), *range(27, 36))  # what hardly moves with the expression
_LARGEST_MOVE = 0.45  # of the face's size
# A plain face seen from the front. The eyes are at (-1, 0) and (1, 0).
_MEAN_FACE = np.array([
    # contour
    (-2.25, 0.1), (-2.2, 0.75), (-2.1, 1.35), (-1.97, 1.9), (-1.75, 2.4), (-1.45, 2.85),
    (-1.05, 3.2), (-0.55, 3.45), (0.0, 3.55), (0.55, 3.45), (1.05, 3.2), (1.45, 2.85),
    (1.75, 2.4), (1.97, 1.9), (2.1, 1.35), (2.2, 0.75), (2.25, 0.1),
    # brows
    (-1.75, -0.5), (-1.45, -0.7), (-1.1, -0.78), (-0.75, -0.74), (-0.45, -0.62),
    (0.45, -0.62), (0.75, -0.74), (1.1, -0.78), (1.45, -0.7), (1.75, -0.5),
    # nose
    (0.0, 0.0), (0.0, 0.37), (0.0, 0.74), (0.0, 1.1), (-0.38, 1.34), (-0.2, 1.4),
    (0.0, 1.44), (0.2, 1.4), (0.38, 1.34),
    # eyes
    (-1.45, 0.0), (-1.15, -0.14), (-0.83, -0.13), (-0.55, 0.03), (-0.84, 0.12),
    (-1.15, 0.12), (0.55, 0.03), (0.83, -0.13), (1.15, -0.14), (1.45, 0.0), (1.15, 0.12),
    (0.84, 0.12),
    # mouth
    (-0.8, 2.15), (-0.5, 1.98), (-0.18, 1.9), (0.0, 1.93), (0.18, 1.9), (0.5, 1.98),
    (0.8, 2.15), (0.52, 2.4), (0.2, 2.5), (0.0, 2.52), (-0.2, 2.5), (-0.52, 2.4),
    (-0.7, 2.15), (-0.2, 2.1), (0.0, 2.11), (0.2, 2.1), (0.7, 2.15), (0.2, 2.21),
    (0.0, 2.22), (-0.2, 2.21),
])  # fmt: skip


class LandmarksError(ValueError):
    """Points that cannot be a face of the image; the message says why."""


def complete(points: NDArray[Any], shape: tuple[float, ...]) -> Points:
    """Return the 68 points of a face of 5 or 68; some may lie outside of the image of ``shape``.

    Raises:
        LandmarksError: If the points are of another shape, not finite, mirrored or upside down in
            themselves, closer than ``LEAST_SIZE`` pixels, or for the most part outside.
    """
    if points.ndim != 2 or points.shape[1] != 2 or len(points) not in SCHEMES:
        raise LandmarksError(f"expected landmarks of shape (5, 2) or (68, 2), got {points.shape}")
    found: Points = np.asarray(points, dtype=np.float64)
    if not np.isfinite(found).all():
        broken = int((~np.isfinite(found)).any(axis=1).sum())
        raise LandmarksError(f"{broken} of {len(found)} landmarks are not finite numbers")
    five = found if len(found) == 5 else five_of(found)
    _check_face(five, shape)
    return found if len(found) == 68 else _fit_mean_face(five)


def five_of(points: Points) -> Points:
    """Return eyes, tip of the nose and corners of the mouth, ``(5, 2)``, of 68 points."""
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return np.stack([*eyes, points[_TIP], points[_LEFT_CORNER], points[_RIGHT_CORNER]])


def face_size(points: Points) -> float:
    """Return about half the distance of the eyes in pixels, also of a face seen from the side."""
    five = five_of(points)
    across = np.linalg.norm(five[1] - five[0]) / 2.0
    down = np.linalg.norm((five[0] + five[1] - five[3] - five[4]) / 2.0) / 2.15
    return float(max(across, down))


def scale_points(points: Points, across: float, down: float) -> Points:
    """Return the points of an image whose width and height are multiplied by two factors."""
    scaled: Points = (points + 0.5) * (across, down) - 0.5  # edges of pixels lie at halves
    return scaled


def affine_between(source: Points, target: Points) -> NDArray[np.float64]:
    """Return the affine map ``(2, 3)`` that takes source to target with least squared error."""
    design = np.column_stack([source, np.ones(len(source))])
    solution = np.linalg.lstsq(design, target, rcond=None)[0].T
    return np.asarray(solution, np.float64)


def apply_affine(matrix: NDArray[np.float64], points: Points) -> Points:
    """Return ``points``, ``(N, 2)``, moved by a map of ``affine_between``."""
    moved: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def draw_expression(
    points: Points, rng: np.random.Generator, *, mouth_only: bool = False
) -> Points:
    """Return the 68 landmarks with another expression; with ``mouth_only`` brows and eyes stay."""
    right, down = _axes(points)
    moves = np.zeros_like(points)
    opened = _clear(rng) * 0.35
    moves[list(_LOWER_LIP)] += opened * down
    moves[list(_UPPER_LIP)] -= 0.25 * opened * down
    moves[_JAW] += 0.8 * opened * down
    smile = _clear(rng) * 0.22
    wide = rng.uniform(-0.12, 0.18)
    for side, corner in zip((-1.0, 1.0), _CORNERS, strict=True):
        moves[list(corner)] += (side * wide) * right - smile * down
    if not mouth_only:
        moves[BROWS] -= rng.normal(0.0, 0.15) * down
        lids = rng.normal(0.0, 0.06)
        moves[list(_UPPER_LIDS)] += lids * down
        moves[list(_LOWER_LIDS)] -= 0.5 * lids * down
        _turn(moves, rng.normal(0.0, 0.12) * right + rng.normal(0.0, 0.08) * down)
    return points + moves


def borrow_expression(points: Points, driver: Points) -> Points:
    """Return 68 landmarks moved to the expression of another face, whatever its pose and place."""
    still = list(_STILL)
    moved = apply_affine(affine_between(driver[still], points[still]), driver)
    moves = moved - points
    moves[CONTOUR] *= 0.6 * (1.0 - np.linspace(-1, 1, 17)[:, None] ** 2)  # chin, not temples
    moves[NOSE] = 0.0
    limit = _LARGEST_MOVE * face_size(points)
    lengths = np.linalg.norm(moves, axis=1, keepdims=True)
    limited: Points = moves * np.minimum(1.0, limit / np.maximum(lengths, 1e-9))
    return points + limited


def _axes(points: Points) -> tuple[Points, Points]:
    """Return one unit of the face to the right and down, ``(2,)`` each, in pixels."""
    size = face_size(points)
    eyes, mouth = points[EYES].mean(axis=0), points[MOUTH].mean(axis=0)
    down = mouth - eyes
    down = down * (size / max(float(np.hypot(*down)), 1e-9))
    return np.array([down[1], -down[0]]), down


def _turn(moves: Points, step: Points) -> None:
    """Turn the head a little: what lies in the middle of the face moves further than its edge."""
    moves[NOSE] += 1.4 * step
    for part in (EYES, MOUTH):
        moves[part] += 0.9 * step
    moves[BROWS] += 0.6 * step


def _clear(rng: np.random.Generator) -> float:
    """Draw from -1 to -0.3 or from 0.3 to 1."""
    size = rng.uniform(0.3, 1.0)
    return float(size if rng.random() < 0.5 else -size)


def _check_face(five: Points, shape: tuple[float, ...]) -> None:
    eyes, mouth = five[:2].mean(axis=0), five[3:].mean(axis=0)
    down = mouth - eyes
    length = float(np.hypot(*down))
    if length < LEAST_SIZE:
        raise LandmarksError(
            f"eyes and mouth are {length:.1f} pixels apart; a face needs {LEAST_SIZE:.0f}"
        )
    across = five[1] - five[0]
    if across[0] * down[1] - across[1] * down[0] <= 0.05 * length**2:
        raise LandmarksError(
            "the landmarks are not a face: seen from above the mouth, the first eye must lie left "
            "of the second; are they in the order eyes, nose, corners of the mouth?"
        )
    height, width = shape[:2]
    inside = ((five >= 0) & (five <= (width - 1, height - 1))).all(axis=1)
    if inside.sum() < 3:
        raise LandmarksError(
            f"{5 - inside.sum()} of the 5 points of eyes, nose and mouth lie outside of the "
            f"image of {width:g} x {height:g} pixels; are they in pixels of this image?"
        )


def _fit_mean_face(five: Points) -> Points:
    """Move the mean face to five points: an affine map, and what is left by the nearest points."""
    matrix = affine_between(_MEAN_FIVE, five)
    left = five - apply_affine(matrix, _MEAN_FIVE)
    return apply_affine(matrix, _MEAN_FACE) + _NEARNESS @ left


_MEAN_FIVE = five_of(_MEAN_FACE)
_NEARNESS: NDArray[np.float64] = np.exp(
    -((_MEAN_FACE[:, None] - _MEAN_FIVE[None]) ** 2).sum(axis=2)
)
_NEARNESS /= np.maximum(_NEARNESS.sum(axis=1, keepdims=True), 1.0)
