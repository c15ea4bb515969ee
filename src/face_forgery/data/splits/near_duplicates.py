"""Near-identical images among hundreds of thousands: hashes, thumbnails, and the search for pairs.

Two images count as the same if their perceptual hashes differ in few bits and their thumbnails
correlate. The hash alone is not enough: aligned faces of one person, or rendered ones, share most
of their low frequencies.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from face_forgery.data.images.decoding import read_reduced
from face_forgery.data.images.parallel import map_in_order
from face_forgery.data.labels.manifest import KEY

IMAGE_HASH_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "phash": "UInt64",  # missing for an image without structure, of which a hash says nothing
    "thumbnail": "object",  # bytes: THUMBNAIL_SIDE x THUMBNAIL_SIDE grey pixels, row by row
}
THUMBNAIL_SIDE = 16
MAX_BITS = 6  # of 64 that the hashes of a pair may differ in; docs/data_format.md has the numbers
# Copies (JPEG quality 30, half and double size, other aspect, 10 % brighter, 20 % more contrast)
# stay above it; neighboring frames of one video mostly below (docs/data_format.md).
LEAST_CORRELATION = 0.99

_SQUARE_SIDE = 32
_DECODED_SIDE = 2 * _SQUARE_SIDE  # decoding smaller leaves traces of the JPEG's scale
_NUM_FREQUENCIES = 8  # lowest ones in each direction: 8 x 8 bits
_LEAST_CONTRAST = 2.0  # standard deviation of 0 to 255; below it the hash is of noise
_IMAGES_AT_ONCE = 4096
_QUERIES_AT_ONCE = 4096
_PAIRS_AT_ONCE = 1 << 20
_CHECKS_AT_ONCE = 1 << 15

Positions = NDArray[np.int64]
SkipPairs = Callable[[Positions, Positions], NDArray[np.bool_]]


def hash_table(manifest: pd.DataFrame, *, root: Path, num_workers: int) -> pd.DataFrame:
    """Hash every image of a manifest, in its order: ``IMAGE_HASH_COLUMNS``.

    Raises:
        ImageError: If an image cannot be read any more.
    """
    paths = [root / path for path in manifest["path"]]
    squares = map_in_order(
        read_square, paths, num_workers=num_workers, description="hashing images"
    )
    hashes, thumbnails, is_flat = [], [], []
    while several := list(islice(squares, _IMAGES_AT_ONCE)):
        batch = np.stack(several)
        small = shrink(batch)
        hashes.append(perceptual_hashes(batch))
        is_flat.append(small.std(axis=1) < _LEAST_CONTRAST)
        thumbnails += [row.tobytes() for row in small]
    table = manifest[KEY].reset_index(drop=True)
    phash = pd.Series(np.concatenate(hashes) if hashes else [], dtype="UInt64")
    flat = pd.Series(np.concatenate(is_flat) if is_flat else [], dtype=bool)
    return table.assign(phash=phash.mask(flat), thumbnail=pd.Series(thumbnails, dtype=object))


def read_square(path: Path) -> NDArray[np.uint8]:
    """Return the image in grey, upright, squeezed to 32 x 32 pixels.

    Raises:
        ImageError: If it cannot be read.
    """
    pixels = read_reduced(path, side=_DECODED_SIDE).pixels
    grey = Image.fromarray(pixels).convert("L")
    # Bilinear weighs every source pixel; a box would shift by part of a pixel at odd sizes.
    return np.asarray(grey.resize((_SQUARE_SIDE, _SQUARE_SIDE), Image.Resampling.BILINEAR))


def perceptual_hashes(squares: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the pHash of grey images, ``(N, 32, 32)``: which low frequencies exceed their median.

    Equal to ``imagehash.phash``, many images at a time; the first bit is the mean.
    Source: Zauner 2010, Implementation and benchmarking of perceptual image hash functions, 3.2.1.
    """
    spectra = dctn(squares.astype(np.float64), type=2, axes=(1, 2))
    low = spectra[:, :_NUM_FREQUENCIES, :_NUM_FREQUENCIES].reshape(len(squares), -1)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).ravel()


def shrink(squares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return thumbnails: means of 2 x 2 pixels, ``(N, 32, 32)`` to ``(N, 256)``."""
    side = THUMBNAIL_SIDE
    blocks = squares.reshape(-1, side, 2, side, 2).mean(axis=(2, 4))
    return np.asarray(np.rint(blocks), np.uint8).reshape(-1, side * side)


@dataclass(frozen=True, eq=False)
class HashedImages:
    """The part of a table of hashes that a search needs; images without hash are left out."""

    positions: Positions  # (N,), of the rows in the table
    hashes: NDArray[np.uint64]  # (N,)
    thumbnails: NDArray[np.uint8]  # (N, 256)

    @classmethod
    def of(cls, image_hashes: pd.DataFrame) -> "HashedImages":
        """Take the rows of ``IMAGE_HASH_COLUMNS`` that have a hash."""
        positions = np.flatnonzero(image_hashes["phash"].notna())
        rows = image_hashes.iloc[positions]
        pixels = np.frombuffer(b"".join(rows["thumbnail"]), np.uint8)
        return cls(
            positions,
            rows["phash"].to_numpy(np.uint64),
            pixels.reshape(len(rows), THUMBNAIL_SIDE**2),
        )


def near_identical_pairs(
    queries: HashedImages, index: HashedImages | None, *, skip: SkipPairs
) -> Iterator[tuple[Positions, Positions]]:
    """Yield pairs of the same image, in blocks: positions in both tables, each ``(P,)``.

    Without ``index`` each pair of different ``queries`` comes once or twice. ``skip`` says which of
    a block's candidates need no check; it may use what earlier blocks have found.
    """
    hashes = None if index is None else index.hashes
    index = queries if index is None else index
    for left, right in close_pairs(queries.hashes, hashes, max_bits=MAX_BITS):
        wanted = ~skip(queries.positions[left], index.positions[right])
        q, i = left[wanted], right[wanted]
        same = _correlate(queries.thumbnails, q, index.thumbnails, i) >= LEAST_CORRELATION
        yield queries.positions[q[same]], index.positions[i[same]]


def close_pairs(
    queries: NDArray[np.uint64], index: NDArray[np.uint64] | None, *, max_bits: int
) -> Iterator[tuple[Positions, Positions]]:
    """Yield all pairs whose hashes differ in at most ``max_bits`` bits, in blocks of bounded size.

    Every distance is computed, 1.2 billion a second and core: unlike with hash tables the time
    does not depend on how alike the images are. Without ``index`` each pair of different queries is
    found in one order at least, in half the time, and each query with itself.
    """
    if not len(queries) or (index is not None and not len(index)):
        return
    wanted, askers = _Members.of(queries)
    distinct, members = (wanted, askers) if index is None else _Members.of(index)
    search = faiss.IndexBinaryFlat(64)
    if index is not None:
        search.add(_as_bytes(distinct))
    for start in range(0, len(wanted), _QUERIES_AT_ONCE):
        block = wanted[start : start + _QUERIES_AT_ONCE]
        if index is None:  # later blocks will look for this one
            search.add(_as_bytes(block))
        ends, _, found = search.range_search(_as_bytes(block), max_bits + 1)  # below, not up to
        num_found = ends[1:].astype(np.int64) - ends[:-1].astype(np.int64)
        asked = np.repeat(np.arange(start, start + len(block)), num_found)
        owner, left = askers.expand(asked)
        hits = found.astype(np.int64)[owner]
        for part in _parts(members.sizes[hits]):
            owner, right = members.expand(hits[part])
            yield left[part][owner], right


@dataclass(frozen=True, eq=False)
class _Members:
    """Which positions hold each distinct value."""

    order: Positions
    starts: Positions
    sizes: Positions

    @classmethod
    def of(cls, values: NDArray[np.uint64]) -> "tuple[NDArray[np.uint64], _Members]":
        distinct, inverse, sizes = np.unique(values, return_inverse=True, return_counts=True)
        order = np.argsort(inverse, kind="stable")
        return distinct, cls(order, np.cumsum(sizes) - sizes, sizes)

    def expand(self, values: Positions) -> tuple[Positions, Positions]:
        """Return, for all members of all ``values``, the index of the value and the position."""
        sizes = self.sizes[values]
        owner = np.repeat(np.arange(len(values)), sizes)
        nth = np.arange(len(owner)) - (np.cumsum(sizes) - sizes)[owner]
        return owner, self.order[self.starts[values][owner] + nth]


def _parts(sizes: Positions) -> Iterator[slice]:
    """Cut into runs of at most ``_PAIRS_AT_ONCE``, or of one element."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        most = ends[start] - sizes[start] + _PAIRS_AT_ONCE
        stop = max(int(np.searchsorted(ends, most, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def _correlate(
    first: NDArray[np.uint8], left: Positions, second: NDArray[np.uint8], right: Positions
) -> NDArray[np.float32]:
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), _CHECKS_AT_ONCE):
        part = slice(start, start + _CHECKS_AT_ONCE)
        a, b = _normalize(first[left[part]]), _normalize(second[right[part]])
        result[part] = np.einsum("ij,ij->i", a, b)
    return result


def _normalize(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return thumbnails with mean 0 and length 1: brightness and contrast do not count."""
    centered = thumbnails.astype(np.float32)
    centered -= centered.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centered, axis=1, keepdims=True)
    return np.asarray(centered / length, np.float32)


def _as_bytes(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)
