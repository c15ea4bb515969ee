"""Groups joined by the pictures they share: what a split must keep on one side."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.splits.duplicates import HashedPictures, Positions, near_identical_pairs

Labels = NDArray[np.int64]

_NO_PAIRS = np.empty((0, 2), np.int64)


def join_groups(
    manifest: pd.DataFrame, image_hashes: pd.DataFrame, *, max_bits: int
) -> tuple[Labels, Positions]:
    """Join rows of one group, of one content, and of near-identical pictures into clusters.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``.
        image_hashes: The columns of ``IMAGE_HASH_COLUMNS`` for the same rows in the same order.
        max_bits: Largest Hamming distance of the hashes of near-identical pictures.

    Returns:
        ``(N,)`` cluster of each row, from 0; and ``(P, 2)`` sorted positions of near-identical
        pictures that joined clusters which group and content had left apart.
    """
    codes = [pd.factorize(manifest[name])[0] for name in ("group", "sha256")]
    labels = _join_by_codes(codes)
    pictures = HashedPictures.of(image_hashes)
    joined: list[Positions] = []

    def is_joined(left: Positions, right: Positions) -> NDArray[np.bool_]:
        return np.asarray(labels[left] == labels[right])

    pairs = near_identical_pairs(pictures, None, max_bits=max_bits, skip=is_joined)
    for left, right in pairs:
        if len(left):
            joined.append(np.sort(np.stack([left, right], axis=1), axis=1))
            labels = _join_pairs(labels[left], labels[right], labels)
    return labels, np.unique(np.concatenate([_NO_PAIRS, *joined]), axis=0)


def _join_by_codes(codes: Sequence[Labels]) -> Labels:
    """Connect rows to the values they hold; rows connected through any value share a label."""
    num_rows = len(codes[0])
    rows = np.tile(np.arange(num_rows), len(codes))
    offsets = np.cumsum([num_rows] + [code.max(initial=-1) + 1 for code in codes])
    values = np.concatenate([code + off for code, off in zip(codes, offsets, strict=False)])
    return _components(rows, values, int(offsets[-1]))[:num_rows]


def _join_pairs(left: Labels, right: Labels, labels: Labels) -> Labels:
    return _components(left, right, int(labels.max()) + 1)[labels]


def _components(left: Labels, right: Labels, num_nodes: int) -> Labels:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(left), dtype=bool)
    graph = coo_array((ones, (left, right)), shape=(num_nodes, num_nodes))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
