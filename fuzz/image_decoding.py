"""Any bytes as an image: upright RGB, or an error; what it says of its origin is safe to show."""

import warnings

import numpy as np
from memory import check_not_of_memory

from face_forgery.data.images.decoding import ImageError, decode_rgb, read_header
from face_forgery.data.images.evidence import read_evidence
from face_forgery.limits import max_pixels

_LONGEST_REASON, _LONGEST_CLAIM = 300, 700
SIDE = 8


def check(data: bytes) -> None:
    """Raise whatever a user should never see."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole, reduced = _decode(data, None), _decode(data, SIDE)
        header = read_header(data)
        claims = read_evidence(data)
    assert all(text.isprintable() and len(text) < _LONGEST_CLAIM for text in claims.values())
    if whole is None or reduced is None:
        assert whole is None and reduced is None, (whole is None, reduced is None)
        return
    assert min(reduced.shape[:2]) >= min(SIDE, *whole.shape[:2]), (whole.shape, reduced.shape)
    assert header is None or (header.height, header.width) == whole.shape[:2], header


def _decode(data: bytes, side: int | None) -> np.ndarray | None:
    try:
        pixels = decode_rgb(data, side=side)
    except ImageError as error:
        check_not_of_memory(error)
        assert error.status in ("unreadable", "too_large"), error.status
        assert 0 < len(error.detail) < _LONGEST_REASON, error.detail
        assert error.detail.isprintable(), error.detail
        return None
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert 0 < pixels.shape[0] * pixels.shape[1] <= max_pixels()
    assert pixels.flags.writeable
    return pixels
