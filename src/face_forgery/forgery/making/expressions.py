"""Landmarks of another expression and pose."""

import numpy as np

from face_forgery.forgery.making.landmarks import (
    BROWS,
    CONTOUR,
    EYES,
    MOUTH,
    NOSE,
    Points,
    affine_between,
    apply_affine,
    face_size,
)

_UPPER_LIDS, _LOWER_LIDS = (37, 38, 43, 44), (40, 41, 46, 47)
_UPPER_LIP, _LOWER_LIP = (49, 50, 51, 52, 53, 61, 62, 63), (55, 56, 57, 58, 59, 65, 66, 67)
_CORNERS = ((48, 60), (54, 64))
_JAW = slice(5, 12)  # of the contour, around the chin
_STILL = (*range(36, 48), *range(27, 36))  # what hardly moves with the expression
_LARGEST_MOVE = 0.45  # of the face's size


def draw_expression(
    points: Points, rng: np.random.Generator, *, mouth_only: bool = False
) -> Points:
    """Return the landmarks with another expression; at least the mouth moves visibly.

    Args:
        points: ``(68, 2)``.
        rng: Decides how far jaw, corners of the mouth, brows, lids and head move, and where to.
        mouth_only: Brows, lids and head stay.
    """
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
    """Return the landmarks moved to the driver's expression, as far as it is not a matter of pose.

    Args:
        points: ``(68, 2)``.
        driver: ``(68, 2)`` of another face, anywhere.
    """
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
