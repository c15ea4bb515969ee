"""Colors of one face given to another, and colors that do not quite fit."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.masks import Mask

Values = NDArray[np.float32]  # (h, w, 3) RGB, 0 to 255

# Luma and two color differences that vary nearly independently in photographs.
_OPPONENT = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]])
_BACK = np.linalg.inv(_OPPONENT)
_GAIN = (0.25, 1.8)  # contrasts further apart are left so
_MIDDLE_GRAY = 118.0
_SAMPLES = 64  # along each side: so many pixels say enough about colors


def match_colors(donor: Values, target: Values, mask: Mask, proportion: float) -> Values:
    """Return the donor with the target's mean color and contrast under the mask.

    Source: Reinhard et al. 2001, Color Transfer between Images, in an opponent color space.

    ``proportion``, 0 to 1, is how much of the way is gone. An empty mask changes nothing.
    """
    if proportion == 0.0 or not mask.any():
        return donor
    donor_mean, donor_spread = _describe(donor, mask)
    target_mean, target_spread = _describe(target, mask)
    gain = np.clip((target_spread + 1.0) / (donor_spread + 1.0), *_GAIN) ** proportion
    wanted = donor_mean + proportion * (target_mean - donor_mean)
    return _transform(donor, np.diag(gain), wanted - gain * donor_mean)


def shift_colors(
    values: Values, *, gain: float, offset: float, saturation: float, tint: tuple[float, float]
) -> Values:
    """Return the image with another contrast, brightness, saturation and white.

    ``gain`` is of the contrast around the mean. ``offset`` and ``tint`` (red against green, yellow
    against blue) are levels at middle gray; in the dark less.
    """
    mean = _OPPONENT @ np.asarray(cv2.mean(values)[:3])
    scales = np.array([gain, saturation, saturation])
    lit = min(mean[0] / _MIDDLE_GRAY, 1.2)
    center = np.array([mean[0] * (1.0 - gain), 0.0, 0.0])
    return _transform(values, np.diag(scales), center + lit * np.array([offset, *tint]))


def _describe(values: Values, mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and spread of the three opponent colors under the mask."""
    step = max(1, min(mask.shape) // _SAMPLES)
    weights = mask[::step, ::step].ravel()
    colors = values[::step, ::step].reshape(-1, 3)
    if float(weights.sum()) < 1.0:
        weights, colors = mask.ravel(), values.reshape(-1, 3)
    weights = weights / weights.sum()
    mean = weights @ colors
    apart = colors - mean
    covariance = (apart * weights[:, None]).T @ apart
    spread = np.sqrt(np.maximum(np.diag(_OPPONENT @ covariance @ _OPPONENT.T), 0.0))
    return _OPPONENT @ mean, spread


def _transform(values: Values, matrix: NDArray[Any], offset: NDArray[Any]) -> Values:
    """Apply a map of opponent colors to RGB."""
    whole = np.column_stack([_BACK @ matrix @ _OPPONENT, _BACK @ offset])
    return np.asarray(cv2.transform(values, whole.astype(np.float32)), np.float32)
