"""Degradations by real encoders, in memory: JPEG, WebP, H.264."""

import io
from fractions import Fraction

import numpy as np
from PIL import Image

from face_forgery.forgery.degradation.pixels import Pixels


def compress_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Encode as baseline JPEG with halved color resolution (4:2:0) and decode.

    Args:
        pixels: uint8 ``(H, W, 3)``.
        quality: Of the encoder, 1 to 95.
    """
    return _through(pixels, "JPEG", quality=quality, subsampling="4:2:0")


def compress_webp(pixels: Pixels, quality: int) -> Pixels:
    """Encode as lossy WebP and decode.

    Args:
        pixels: uint8 ``(H, W, 3)``.
        quality: Of the encoder, 0 to 100.
    """
    return _through(pixels, "WEBP", quality=quality, method=2)


def compress_video(pixels: Pixels, crf: int) -> Pixels:
    """Encode as a video of one frame, H.264 with 4:2:0, and decode.

    One frame is a key frame: what prediction from other frames does to a face is not in it. Odd
    sides are padded by repeating the border and cropped again.

    Args:
        pixels: uint8 ``(H, W, 3)``.
        crf: The encoder's constant rate factor, 0 (best) to 51.
    """
    import av

    height, width = pixels.shape[:2]
    # libx264 refuses odd sides with 4:2:0, and sides below 16.
    rows, columns = (max(side + side % 2, 16) - side for side in (height, width))
    padded = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = padded.shape[1], padded.shape[0]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1  # the same bytes on every machine
    encoder.options = {"crf": str(crf), "preset": "medium"}
    frame = av.VideoFrame.from_ndarray(padded, format="rgb24").reformat(format="yuv420p")
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = [decoded for packet in [*packets, None] for decoded in decoder.decode(packet)]
    return np.ascontiguousarray(frames[0].to_ndarray(format="rgb24")[:height, :width])


def _through(pixels: Pixels, name: str, **options: object) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    with Image.open(buffer) as image:
        return np.array(image.convert("RGB"))
