"""What making a face leaves in its pixels: resampling, an older JPEG, another grain.

Real forgeries differ from the image around them in these, by more or by less. So do these: each
is drawn to either side, and the amount of detail is brought near that of what is replaced, so that
numbers about the whole image do not give a forgery away.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.colors import Values, shift_colors
from face_forgery.forgery.making.masks import Mask
from face_forgery.forgery.making.warping import Pixels

_ENLARGE = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
_ENLARGE_ODDS = (0.45, 0.3, 0.2, 0.05)
_DETAIL_SIGMA = 1.0  # pixels
_DETAIL_KERNEL = (5, 5)
_DETAIL_GAIN = (0.4, 2.0)
_SHARPER = 0.6  # of the donor's detail; where the original has less, pixels are taken away
_EXTRA_DETAIL = 0.2  # in e-folds: the next JPEG takes it away, as it is the first for a donor
_LEAST_GRAIN = 0.5  # levels; less would be rounded away
_GRAIN_LIMIT = 4.0  # levels
_BLOCK = 8  # pixels
_MESH_CELLS = 40  # across an image
_EQUAL_LUMA = (1.0, -0.509, 0.0)  # red against green, as bright as without


@dataclass(frozen=True)
class Traces:
    """How one donor was made."""

    reduction: float | None  # proportion of the pixels along a side that survive; None: all
    enlarging: int  # interpolation back to the full size
    quality: int | None  # of the JPEG that the donor was; None: it was none
    grid: tuple[int, int]  # rows and columns by which its blocks are moved
    sharpness: float  # amount of detail beside that of the original; 1: the same
    follow: float  # how far the amount of detail is matched, 0 to 1
    own_grain: bool  # missing detail is filled with grain of the image, else with noise
    color: tuple[float, float, float, float, float]  # gain, offset, saturation, two tints


def draw_traces(rng: np.random.Generator, strength: float) -> Traces:
    """Draw how a donor was made; a ``strength`` of 1 gives the traces of real forgeries."""
    reduced = rng.random() < 0.65
    reduction = 1.0 - strength * rng.uniform(0.1, 0.65)
    encoded = rng.random() < 0.6
    quality = int(rng.integers(45, 96))
    enlarging = int(rng.choice(len(_ENLARGE), p=_ENLARGE_ODDS))
    return Traces(
        reduction=max(0.2, reduction) if reduced else None,
        enlarging=_ENLARGE[enlarging],
        quality=quality if encoded else None,
        grid=(int(rng.integers(1, _BLOCK)), int(rng.integers(1, _BLOCK))),
        sharpness=float(np.exp(rng.normal(_EXTRA_DETAIL, 0.35 * strength))),
        follow=float(rng.uniform(0.5, 1.0)),
        own_grain=bool(rng.random() < 0.75),
        color=(
            float(np.exp(rng.normal(0.0, 0.06 * strength))),
            float(rng.normal(0.0, 5.0 * strength)),
            float(np.exp(rng.normal(0.0, 0.08 * strength))),
            float(rng.normal(0.0, 2.0 * strength)),
            float(rng.normal(0.0, 2.0 * strength)),
        ),
    )


def leave_traces(
    donor: Pixels, original: Pixels, mask: Mask, traces: Traces, rng: np.random.Generator
) -> Values:
    """Return the donor as its making leaves it; it will replace ``original`` where the mask is."""
    grain = _fine(original[..., 1])
    there = _amount(grain, mask)
    if traces.quality is not None:
        donor = _through_jpeg(donor, traces.quality, traces.grid)
    if traces.reduction is not None:
        donor = _through_fewer_pixels(donor, traces.reduction, traces.enlarging)
    fine = _fine(donor)
    have = _amount(fine[..., 1], mask)
    if there < _SHARPER * have:  # more than a change of gain can take away
        donor = _through_fewer_pixels(donor, max(there / have, 0.25), cv2.INTER_CUBIC)
        fine = _fine(donor)
        have = _amount(fine[..., 1], mask)
    wanted = have + traces.follow * (there * traces.sharpness - have)
    factor = float(np.clip(wanted / max(have, 1e-3), *_DETAIL_GAIN))
    made: Values = cv2.addWeighted(donor.astype(np.float32), 1.0, fine, factor - 1.0, 0.0)
    missing = max(wanted**2 - (have * factor) ** 2, 0.0) ** 0.5
    if missing >= _LEAST_GRAIN:
        made += _fill(grain, there, missing, traces, rng)[..., None]
    gain, offset, saturation, red, yellow = traces.color
    return shift_colors(made, gain=gain, offset=offset, saturation=saturation, tint=(red, yellow))


def color_mesh(shape: tuple[int, ...]) -> Values:
    """Return the red-green mesh that a generator leaves in an image, ``(H, W, 3)`` in [-1, 1].

    It does not change luma. Source: Odena et al. 2016, Deconvolution and checkerboard artifacts.
    """
    height, width = shape[:2]
    cells = [
        ((np.arange(side) + 0.5) * (_MESH_CELLS / height)).astype(int) % 2 * 2.0 - 1.0
        for side in (height, width)
    ]
    mesh = 0.5 * (cells[0][:, None] + cells[1][None, :])
    return np.asarray(mesh[..., None] * _EQUAL_LUMA, np.float32)


def _through_jpeg(pixels: Pixels, quality: int, grid: tuple[int, int]) -> Pixels:
    """Encode and decode; blocks begin ``grid`` rows and columns before the first pixel."""
    rows, columns = grid
    padded = cv2.copyMakeBorder(pixels, rows, 0, columns, 0, cv2.BORDER_REPLICATE)
    swapped = cv2.cvtColor(padded, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8)
    return np.ascontiguousarray(decoded[rows:, columns:])


def _through_fewer_pixels(pixels: Pixels, proportion: float, enlarging: int) -> Pixels:
    height, width = pixels.shape[:2]
    small = (max(2, round(width * proportion)), max(2, round(height * proportion)))
    reduced = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=enlarging), np.uint8)


def _fill(
    grain: NDArray[np.float32],
    there: float,
    missing: float,
    traces: Traces,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return ``(h, w)`` detail that amounts to ``missing``."""
    if not traces.own_grain:
        return _noise(grain.shape, min(missing, _GRAIN_LIMIT), rng)
    # The image's own detail, moved by whole blocks of a JPEG and without its lines.
    steps = [_BLOCK * int(blocks) for blocks in rng.integers(1, 5, 2)]
    moved = np.roll(grain, steps, axis=(0, 1))
    flat: NDArray[np.float32] = np.clip(moved, -1.5 * there, 1.5 * there)
    flat *= np.float32(min(missing / max(there, 1e-3), 1.0))
    return flat


def _fine(pixels: Pixels) -> NDArray[np.float32]:
    """Return what a slight blur takes away; the shape is that of ``pixels``."""
    values = pixels.astype(np.float32)
    blurred = cv2.GaussianBlur(values, _DETAIL_KERNEL, _DETAIL_SIGMA)
    return np.asarray(cv2.subtract(values, blurred), np.float32)


def _amount(fine: NDArray[np.float32], mask: Mask) -> float:
    """Return the root mean square of detail ``(h, w)`` under the mask."""
    return float(np.sqrt(np.vdot(fine * fine, mask) / max(cv2.sumElems(mask)[0], 1e-6)))


def _noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return noise of ``sigma`` levels, nearly Gaussian: a sum of four."""
    parts = rng.integers(0, 256, (4, *shape), dtype=np.uint8)
    noise: NDArray[np.float32] = parts.sum(axis=0, dtype=np.uint16).astype(np.float32)
    noise -= 510.0
    noise *= np.float32(sigma / 147.8)
    return noise
