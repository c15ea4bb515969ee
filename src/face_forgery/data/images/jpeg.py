"""What a JPEG's markers say without decoding it: how it was compressed, and how many scans it has.

A few bytes can ask a decoder for another pass over the whole image, so scans are counted first.
"""

import re
from functools import cache, lru_cache
from typing import IO

import numpy as np
from numpy.typing import NDArray

from face_forgery.limits import MAX_SCANS

# Source: ITU-T T.81, table K.1 (luminance), row by row.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
).ravel()

_START_OF_SCAN, _END = 0xDA, 0xD9
_SCAN = bytes([0xFF, _START_OF_SCAN])
# Those with a length; within an image, 0xff is followed by 0 or counts restarts.
_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")
_CHUNK = 2**20
_MAX_WALKED = 2**28  # bytes that are looked at closely


@lru_cache(maxsize=1024)  # the images of a set share a few tables
def estimate_jpeg_quality(luminance: tuple[int, ...]) -> int:
    """Return the quality, 1 to 100, whose table in libjpeg is nearest to the one given.

    Exact for files of libjpeg, libjpeg-turbo and Pillow with their own tables; for cameras and
    editors with tables of their own, the libjpeg quality that loses about as much. ``luminance`` is
    the quantization table of the first component, row by row.

    Raises:
        ValueError: If there are not 64 steps.

    Example:
        >>> estimate_jpeg_quality(tuple(_tables()[75 - 1]))
        75
    """
    if len(luminance) != 64:
        raise ValueError(f"a quantization table has 64 steps, this one {len(luminance)}")
    steps = np.array(luminance, dtype=np.int64)
    return int(np.abs(_tables() - steps).sum(axis=1).argmin()) + 1


@cache
def _tables() -> NDArray[np.int64]:
    """``(100, 64)``: libjpeg's table for the qualities 1 to 100."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: NDArray[np.int64] = np.clip((_LUMINANCE * scale + 50) // 100, 1, 255)
    return tables


def has_too_many_scans(file: IO[bytes]) -> bool:
    """Say whether decoding a JPEG would pass over its image more than ``MAX_SCANS`` times."""
    offset = file.tell()
    file.seek(0)
    try:
        return _may_have(file) and _count_scans(file) > MAX_SCANS
    finally:
        file.seek(offset)


def _may_have(file: IO[bytes]) -> bool:
    """Count what looks like a scan, quickly and at least as often as there is one."""
    found, last = 0, b""
    while chunk := file.read(_CHUNK):
        found += (last + chunk).count(_SCAN)
        last = chunk[-1:]
    return found > MAX_SCANS


def _count_scans(file: IO[bytes]) -> int:
    """Count scans up to the end of the image; what is in segments or behind it is none."""
    file.seek(0)
    data = file.read(_MAX_WALKED)
    scans, offset = 0, 2
    while match := _MARKER.search(data, offset):
        kind, offset = data[match.start() + 1], match.end()
        if kind == _END:
            break
        scans += kind == _START_OF_SCAN
        offset += int.from_bytes(data[offset : offset + 2], "big")
    return scans
