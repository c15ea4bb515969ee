"""Blending a donor into an image: three ways, none of which touches a pixel outside the mask."""

from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.colors import Values
from face_forgery.forgery.making.masks import Mask

Blending = Literal["alpha", "two_bands", "membrane"]
BLENDINGS: tuple[Blending, ...] = get_args(Blending)

_COARSE = 4  # the membrane is smooth: a quarter of the pixels along each side is enough
_LARGEST_STEP = 60.0  # levels; how much of a difference at the border is spread over the donor


def blend(target: Values, donor: Values, mask: Mask, method: Blending) -> Values:
    """Return the target, ``(h, w, 3)``, with the donor where the mask is; exact where that is 0.

    ``alpha``: as the mask says. ``two_bands``: detail by the mask, and what is coarse by a much
    softer one (Burt and Adelson 1983, with two levels). ``membrane``: the donor takes over the
    target's colors at the border and keeps its own gradients, as in Poisson blending (Perez et al.
    2003; the membrane is found by filling in from coarse to fine).
    """
    if method == "two_bands":
        return _blend_two_bands(target, donor, mask)
    if method == "membrane":
        donor = cv2.add(donor, _membrane(cv2.subtract(target, donor), mask))
    return _with_proportion(target, cv2.subtract(donor, target), mask)


def _blend_two_bands(target: Values, donor: Values, mask: Mask) -> Values:
    width = max(3, round(min(mask.shape) * 0.12) // 2 * 2 + 1)
    change = cv2.subtract(donor, target)
    coarse = _smooth(change, width)
    soft = mask * _smooth(mask, width)  # falls off inside the mask, so that nothing leaks out
    fine = cv2.subtract(change, coarse)
    return _with_proportion(_with_proportion(target, coarse, soft), fine, mask)


def _with_proportion(values: Values, change: Values, proportion: Mask) -> Values:
    """Return ``values + proportion * change``; OpenCV is several times faster here than numpy."""
    weighted = cv2.multiply(change, cv2.merge([proportion, proportion, proportion]))
    return np.asarray(cv2.add(values, weighted, dst=weighted), np.float32)


def _smooth(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    once = cv2.blur(values, (width, width), borderType=cv2.BORDER_REPLICATE)
    twice = cv2.blur(once, (width, width), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(twice, np.float32)


def _membrane(difference: Values, mask: Mask) -> Values:
    """Return a smooth surface with the values that ``difference`` has outside of the mask."""
    height, width = mask.shape
    small = (max(2, width // _COARSE), max(2, height // _COARSE))
    known = (mask < 0.1).astype(np.float32)
    weights = cv2.resize(known, small, interpolation=cv2.INTER_AREA)
    if float(weights.max()) == 0.0:
        return np.zeros_like(difference)  # the mask fills its window: there is no border to meet
    limited = np.clip(difference, -_LARGEST_STEP, _LARGEST_STEP) * known[..., None]
    values = cv2.resize(limited, small, interpolation=cv2.INTER_AREA)
    filled = _fill(values, weights)
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR))


def _fill(values: Values, weights: Mask) -> Values:
    """Complete ``values`` (already multiplied by ``weights``) from coarser levels of themselves."""
    height, width = weights.shape
    if max(height, width) <= 2:
        return np.asarray(values / np.maximum(weights, 1e-6)[..., None], np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse = _fill(
        cv2.resize(values, half, interpolation=cv2.INTER_AREA),
        cv2.resize(weights, half, interpolation=cv2.INTER_AREA),
    )
    above: Values = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return values + above * (1.0 - weights)[..., None]
