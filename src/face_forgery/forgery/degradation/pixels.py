"""Degradations of pixels: color, blocks, noise, blur, resolution.

Everywhere ``pixels`` is uint8 RGB ``(H, W, 3)`` and so is the result; the argument is not changed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.uint8]

_BLOCK = 8  # pixels
_GRAY = 128
# ITU-R BT.601: the weights of red, green and blue in luma.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# A studio-range signal spends 219 of 255 steps on luma and 224 on each color difference.
_LUMA_SCALE, _CHROMA_SCALE = 219.0 / 255.0, 224.0 / 255.0


def change_saturation(pixels: Pixels, factor: float) -> Pixels:
    """Draw colors towards gray of the same luma; 0 leaves gray, 1 everything."""
    colors = pixels.astype(np.float32)
    luma = (colors @ _LUMA)[..., None]
    return _to_bytes(luma + factor * (colors - luma))


def change_contrast(pixels: Pixels, factor: float) -> Pixels:
    """Multiply values, which for factors below 1 darkens and flattens."""
    return _to_bytes(pixels.astype(np.float32) * factor)


def cover_blocks(pixels: Pixels, number: int, rng: np.random.Generator) -> Pixels:
    """Put gray blocks of 8 by 8 pixels anywhere, ``number`` for each whole 256 of the shorter side.

    A picture with a shorter side below 512 gets ``number`` of them.
    """
    height, width = pixels.shape[:2]
    covered = pixels.copy()
    for _ in range(number * max(1, min(height, width) // 256)):
        top = int(rng.integers(0, max(height - _BLOCK, 0) + 1))
        left = int(rng.integers(0, max(width - _BLOCK, 0) + 1))
        covered[top : top + _BLOCK, left : left + _BLOCK] = _GRAY
    return covered


def add_color_noise(pixels: Pixels, variance: float, rng: np.random.Generator) -> Pixels:
    """Add independent Gaussian noise to luma and both color differences, in studio range.

    Args:
        pixels: uint8 ``(H, W, 3)``.
        variance: On the scale 0 to 1.
        rng: Draws the noise.
    """
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(255 * variance**0.5)
    luma = noise[..., 0] / _LUMA_SCALE
    blue, red = (noise[..., channel] / _CHROMA_SCALE for channel in (1, 2))
    # Color differences run from -128 to 127 while red and blue less luma run over more.
    red_less_luma = red * 2 * (1 - _LUMA[0])
    blue_less_luma = blue * 2 * (1 - _LUMA[2])
    green_less_luma = -(_LUMA[0] * red_less_luma + _LUMA[2] * blue_less_luma) / _LUMA[1]
    change = np.stack(
        [luma + red_less_luma, luma + green_less_luma, luma + blue_less_luma], axis=-1
    )
    return _to_bytes(pixels + change)


def add_noise(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Add independent Gaussian noise to red, green and blue; ``sigma`` on the scale 0 to 255."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(sigma)
    return _to_bytes(pixels + noise)


def blur(pixels: Pixels, sigma: float, radius: int | None = None) -> Pixels:
    """Blur with a Gaussian kernel; pixels beyond the border are mirrored.

    Args:
        pixels: uint8 ``(H, W, 3)``.
        sigma: Pixels.
        radius: Where the kernel ends, in pixels; ``None``: at 4 sigma.
    """
    blurred = pixels.astype(np.float32)
    for axis in (0, 1):
        blurred = ndimage.gaussian_filter1d(blurred, sigma, axis=axis, mode="mirror", radius=radius)
    return _to_bytes(blurred)


def pixelate(pixels: Pixels, factor: int) -> Pixels:
    """Sample every ``factor``-th pixel, bilinear and without a low-pass, and enlarge bilinearly."""
    import torch
    from torch.nn.functional import interpolate

    height, width = pixels.shape[:2]
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    small = (max(height // factor, 1), max(width // factor, 1))
    reduced = interpolate(image, small, mode="bilinear", align_corners=False)
    enlarged = interpolate(reduced.round(), (height, width), mode="bilinear", align_corners=False)
    return _to_bytes(enlarged[0].permute(1, 2, 0).numpy())


def scale_down_and_up(pixels: Pixels, factor: float) -> Pixels:
    """Resize by ``factor`` in (0, 1], bicubic and with a low-pass, and back."""
    height, width = pixels.shape[:2]
    small = (max(round(width * factor), 1), max(round(height * factor), 1))
    image = Image.fromarray(pixels).resize(small, Image.Resampling.BICUBIC)
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC))


def _to_bytes(values: NDArray[Any]) -> Pixels:
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
