"""What happens to a picture that is passed on: steps in a row."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from face_forgery.forgery.degradation.codecs import compress_jpeg
from face_forgery.forgery.degradation.pixels import Pixels


@dataclass(frozen=True)
class Upload:
    """One upload: the service enlarges or reduces the picture and compresses it."""

    scale: float  # of both sides
    quality: int  # of the JPEG


def pass_on(pixels: Pixels, uploads: tuple[Upload, ...]) -> Pixels:
    """Upload, download, crop by some pixels, upload again; back to the original size at the end.

    The crop moves the picture against the 8 by 8 grid of JPEG, so that the second compression is
    not a repetition of the first.

    Args:
        pixels: uint8 ``(H, W, 3)``.
        uploads: In their order.
    """
    height, width = pixels.shape[:2]
    for upload in uploads:
        pixels = compress_jpeg(_resize(pixels, upload.scale), upload.quality)
        pixels = _crop_border(pixels, 3)
    return _resize_to(pixels, height, width)


@dataclass(frozen=True)
class Capture:
    """A picture on a screen, and the screen in a file."""

    scale: float  # of the display; a fraction, so that no pixel falls on a pixel
    gamma: float  # of the display; 1 changes nothing, above 1 darkens
    quality: int | None  # of the JPEG; None: stored without loss


def capture_screen(pixels: Pixels, capture: Capture) -> Pixels:
    """Show the picture on a screen, capture the screen, and bring it back to its size.

    Args:
        pixels: uint8 ``(H, W, 3)``.
        capture: How it is shown and stored.
    """
    height, width = pixels.shape[:2]
    table = np.rint(255 * (np.arange(256) / 255) ** capture.gamma).astype(np.uint8)
    captured = table[_resize(pixels, capture.scale)]
    if capture.quality is not None:
        captured = compress_jpeg(captured, capture.quality)
    return _resize_to(captured, height, width)


def _resize(pixels: Pixels, scale: float) -> Pixels:
    height, width = pixels.shape[:2]
    return _resize_to(pixels, max(round(height * scale), 1), max(round(width * scale), 1))


def _resize_to(pixels: Pixels, height: int, width: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def _crop_border(pixels: Pixels, border: int) -> Pixels:
    height, width = pixels.shape[:2]
    if min(height, width) < 16 * border:  # a crop would take away too much of it
        return pixels
    return np.ascontiguousarray(pixels[border:, border:])
