"""Perceptual hashes and thumbnails: what near-identical pictures share after re-encoding."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from face_forgery.data.images.decoding import read_reduced
from face_forgery.data.images.parallel import map_in_order
from face_forgery.data.labels.manifest import KEY

IMAGE_HASH_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "phash": "UInt64",  # missing for a picture without structure, of which a hash says nothing
    "thumbnail": "object",  # bytes: THUMBNAIL_SIDE x THUMBNAIL_SIDE grey pixels, row by row
}
THUMBNAIL_SIDE = 16

_SQUARE_SIDE = 32
_DECODED_SIDE = 2 * _SQUARE_SIDE  # decoding smaller leaves traces of the JPEG's scale
_NUM_FREQUENCIES = 8  # lowest ones in each direction: 8 x 8 bits
_LEAST_CONTRAST = 2.0  # standard deviation of 0 to 255; below it the hash is of noise
_BATCH = 4096


def hash_table(manifest: pd.DataFrame, *, root: Path, num_workers: int) -> pd.DataFrame:
    """Hash every image of a manifest.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``.
        root: What ``path`` is relative to.
        num_workers: Threads.

    Returns:
        The columns of ``IMAGE_HASH_COLUMNS``, a row for each row of ``manifest`` in its order.

    Raises:
        ImageError: If an image cannot be read any more.
    """
    paths = [root / path for path in manifest["path"]]
    squares = map_in_order(
        read_square, paths, num_workers=num_workers, description="hashing images"
    )
    hashes, thumbnails, is_flat = [], [], []
    for batch in _stacks(squares):
        small = shrink(batch)
        hashes.append(perceptual_hashes(batch))
        is_flat.append(small.std(axis=1) < _LEAST_CONTRAST)
        thumbnails += [row.tobytes() for row in small]
    table = manifest[KEY].reset_index(drop=True)
    phash = pd.Series(np.concatenate(hashes) if hashes else [], dtype="UInt64")
    flat = pd.Series(np.concatenate(is_flat) if is_flat else [], dtype=bool)
    return table.assign(phash=phash.mask(flat), thumbnail=pd.Series(thumbnails, dtype=object))


def read_square(path: Path) -> NDArray[np.uint8]:
    """Return the picture in grey, upright, squeezed to 32 x 32 pixels.

    Raises:
        ImageError: If it cannot be read.
    """
    pixels = read_reduced(path, side=_DECODED_SIDE).pixels
    grey = Image.fromarray(pixels).convert("L")
    # Bilinear weighs every source pixel; a box would shift by part of a pixel at odd sizes.
    return np.asarray(grey.resize((_SQUARE_SIDE, _SQUARE_SIDE), Image.Resampling.BILINEAR))


def perceptual_hashes(squares: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the pHash of grey pictures: which low frequencies are above their median.

    Equal to ``imagehash.phash`` of the same pictures, many at a time.
    Source: Zauner 2010, Implementation and benchmarking of perceptual image hash functions, 3.2.1.

    Args:
        squares: ``(N, 32, 32)``.

    Returns:
        ``(N,)``; the first bit is the mean, the last the highest frequency.
    """
    from scipy.fft import dctn

    spectra = dctn(squares.astype(np.float64), type=2, axes=(1, 2))
    low = spectra[:, :_NUM_FREQUENCIES, :_NUM_FREQUENCIES].reshape(len(squares), -1)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()


def shrink(squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return thumbnails: means of 2 x 2 pixels, ``(N, 32, 32)`` to ``(N, 256)``."""
    side = THUMBNAIL_SIDE
    blocks = squares.reshape(-1, side, 2, side, 2).mean(axis=(2, 4))
    return np.asarray(np.rint(blocks), np.uint8).reshape(-1, side * side)


def _stacks(squares: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    remaining = iter(squares)
    while batch := list(islice(remaining, _BATCH)):
        yield np.stack(batch)
