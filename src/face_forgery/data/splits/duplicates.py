"""Pairs of near-identical pictures among hundreds of thousands.

Two pictures count as the same if their perceptual hashes differ in few bits and their thumbnails
correlate. The hash alone would not do: aligned faces of one person, or drawn ones, share most of
their low frequencies.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.splits.hashing import THUMBNAIL_SIDE

# Copies (JPEG quality 30, half and double size, other aspect, 10 % brighter, 20 % more contrast)
# stay above it; neighboring frames of one video mostly below (docs/data_format.md).
LEAST_CORRELATION = 0.99

_QUERIES_AT_ONCE = 4096
_PAIRS_AT_ONCE = 1 << 20
_CHECKS_AT_ONCE = 1 << 15

Positions = NDArray[np.int64]
SkipPairs = Callable[[Positions, Positions], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class HashedPictures:
    """The part of a table of hashes that a search needs.

    Attributes:
        positions: ``(N,)``, of the hashed rows in the table; a picture without hash is left out.
        hashes: ``(N,)``.
        thumbnails: ``(N, 256)``.
    """

    positions: Positions
    hashes: NDArray[np.uint64]
    thumbnails: NDArray[np.uint8]

    @classmethod
    def of(cls, image_hashes: pd.DataFrame) -> "HashedPictures":
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
    queries: HashedPictures, index: HashedPictures | None, *, max_bits: int, skip: SkipPairs
) -> Iterator[tuple[Positions, Positions]]:
    """Yield pairs of the same picture, in blocks.

    Args:
        queries: Pictures to look for.
        index: Pictures to look among; None: among the queries, each pair once or twice.
        max_bits: Largest Hamming distance of two hashes, of 64.
        skip: Table positions of a block of candidates to those that need no check; called before
            each block, so it may use what earlier blocks have found.

    Yields:
        Positions in the table of ``queries`` and in that of ``index``, each ``(P,)``.
    """
    hashes = None if index is None else index.hashes
    index = queries if index is None else index
    for left, right in close_pairs(queries.hashes, hashes, max_bits=max_bits):
        wanted = ~skip(queries.positions[left], index.positions[right])
        q, i = left[wanted], right[wanted]
        same = _correlate(queries.thumbnails, q, index.thumbnails, i) >= LEAST_CORRELATION
        yield queries.positions[q[same]], index.positions[i[same]]


def close_pairs(
    queries: NDArray[np.uint64], index: NDArray[np.uint64] | None, *, max_bits: int
) -> Iterator[tuple[Positions, Positions]]:
    """Yield all pairs whose hashes differ in at most ``max_bits`` bits, in blocks of bounded size.

    Every distance is computed, 1.2 billion a second and core: unlike with hash tables the time
    does not depend on how alike the pictures are.

    Args:
        queries: ``(N,)``.
        index: ``(M,)``; None: the queries themselves. Each pair of different queries is then found
            in one order at least, in half the time, and each query with itself.
        max_bits: Of 64.
    """
    import faiss

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
        before = ends[start] - sizes[start]
        stop = int(np.searchsorted(ends, before + _PAIRS_AT_ONCE, side="right"))
        stop = max(stop, start + 1)
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
