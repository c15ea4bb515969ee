"""Thirty numbers about an image as a whole: what a shortcut could be made of.

If such numbers tell real from forged, a detector may learn how a set was made instead of the traces
of forgery: brightness, sharpness, file size. None of them depends on where anything is.
"""

import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_BLOCK = 8  # pixels of a JPEG block


def global_statistics(image: NDArray[np.uint8], num_bytes: int) -> dict[str, float]:
    """Describe an RGB image, ``(H, W, 3)``, and its file by thirty numbers.

    Returns:
        Name -> number, always the same names in the same order. Levels and their spread are in
        [0, 255]; ``entropy`` is in bits; frequencies are proportions of the energy without mean.

    Raises:
        ValueError: If the image is not ``(H, W, 3)`` 8 bit, or smaller than 3 x 3.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape) < 3:
        raise ValueError(
            f"expected an RGB image (H, W, 3) of 8 bit and at least 3 x 3 pixels, "
            f"got {image.shape} {image.dtype}"
        )
    channels = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float64)
    luma = _LUMA[0] * channels[0] + _LUMA[1] * channels[1] + _LUMA[2] * channels[2]
    return {
        **_levels(channels, luma),
        **_sharpness(luma),
        **_frequencies(luma),
        **_colors(channels),
        "entropy": _entropy(luma),
        "blockiness": _blockiness(luma),
        "num_bytes": float(num_bytes),
        "width": float(image.shape[1]),
        "height": float(image.shape[0]),
    }


def _levels(channels: Values, luma: Values) -> dict[str, float]:
    numbers = {}
    for name, channel in zip("rgb", channels, strict=True):
        numbers[f"mean_{name}"] = float(channel.mean())
        numbers[f"std_{name}"] = float(channel.std())
        numbers[f"skewness_{name}"] = _moment(channel, 3)
    numbers["kurtosis"] = _moment(luma, 4)
    for percent, value in zip(_PERCENTILES, np.percentile(luma, _PERCENTILES), strict=True):
        numbers[f"percentile_{percent}"] = float(value)
    return numbers


def _moment(values: Values, order: int) -> float:
    """Standardized central moment; 0 for an image of one level."""
    spread = float(values.std())
    if spread < 1e-9:
        return 0.0
    standardized = (values - values.mean()) / spread
    return float(math.prod([standardized] * order).mean())  # a power takes ten times as long


def _sharpness(luma: Values) -> dict[str, float]:
    inner = luma[1:-1, 1:-1]
    beside = luma[1:-1, :-2] + luma[1:-1, 2:] + luma[:-2, 1:-1] + luma[2:, 1:-1]
    diagonal = luma[:-2, :-2] + luma[:-2, 2:] + luma[2:, :-2] + luma[2:, 2:]
    # Immerkaer 1996, Fast Noise Variance Estimation: this mask is blind to edges and slopes.
    response = np.abs(4.0 * inner - 2.0 * beside + diagonal)
    return {
        "laplacian_variance": float((beside - 4.0 * inner).var()),
        "gradient_energy": float((np.diff(luma, axis=0) ** 2).mean())
        + float((np.diff(luma, axis=1) ** 2).mean()),
        "noise": float(np.sqrt(np.pi / 2) * response.mean() / 6.0),
    }


def _frequencies(luma: Values) -> dict[str, float]:
    energy = np.abs(np.fft.rfft2(luma - luma.mean())) ** 2
    down = np.fft.fftfreq(luma.shape[0])[:, None]
    across = np.fft.rfftfreq(luma.shape[1])[None, :]
    cycles = np.sqrt(down**2 + across**2)  # a pixel
    total = max(float(energy.sum()), 1e-9)
    return {
        "middle_frequencies": float(energy[(cycles >= 0.1) & (cycles < 0.25)].sum()) / total,
        "high_frequencies": float(energy[cycles >= 0.25].sum()) / total,
    }


def _colors(channels: Values) -> dict[str, float]:
    highest, lowest = channels.max(axis=0), channels.min(axis=0)
    saturation = (highest - lowest) / np.maximum(highest, 1.0)
    # Hasler and Suesstrunk 2003, Measuring colorfulness in natural images.
    red_green = channels[0] - channels[1]
    yellow_blue = 0.5 * (channels[0] + channels[1]) - channels[2]
    spread = np.hypot(red_green.std(), yellow_blue.std())
    offset = np.hypot(red_green.mean(), yellow_blue.mean())
    return {
        "saturation": float(saturation.mean()),
        "saturation_std": float(saturation.std()),
        "colorfulness": float(spread + 0.3 * offset),
    }


def _entropy(luma: Values) -> float:
    counts = np.bincount(np.rint(luma).astype(np.int64).ravel(), minlength=256)
    proportion = counts[counts > 0] / luma.size
    return float(-(proportion * np.log2(proportion)).sum())


def _blockiness(luma: Values) -> float:
    """Mean step across the borders of JPEG blocks over the mean step elsewhere, both axes."""
    at_border, elsewhere = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(luma, axis=axis)).mean(axis=1 - axis)
        border = np.arange(1, len(steps) + 1) % _BLOCK == 0
        at_border.append(steps[border])
        elsewhere.append(steps[~border])
    outside, inside = np.concatenate(at_border), np.concatenate(elsewhere)
    return float(outside.mean() / max(inside.mean(), 1e-9)) if len(outside) else 1.0
