"""What a backbone sees in pictures, as a small table: which forgeries look alike to it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import KEY, ManifestError, show_rows

FEATURE_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "sha256": "string",  # of the file that was looked at
    "made_by": "string",  # fingerprint of network and preprocessing, and the square that was cut
    "features": "object",  # bytes: little-endian float32
}
_FITTED = 20_000  # forgeries that the centers of clusters come from, at most
_STARTS = 4  # of k-means; the best is kept


def empty_feature_table() -> pd.DataFrame:
    """Return ``FEATURE_COLUMNS`` without a row."""
    return pd.DataFrame(columns=list(FEATURE_COLUMNS)).astype(FEATURE_COLUMNS)


def cluster_by_features(
    fakes: pd.DataFrame, features: pd.DataFrame, *, num_clusters: int, seed: int
) -> NDArray[np.int64]:
    """Sort forgeries into clusters by k-means, whole groups together.

    The centers come from a sample of at most 20,000; a group belongs to the cluster that most of
    its forgeries are nearest to.

    Args:
        fakes: The columns of ``MANIFEST_COLUMNS``.
        features: ``FEATURE_COLUMNS``, with a row for each of ``fakes``.
        num_clusters: At least 2; there are fewer where fewer pictures differ.
        seed: Of the sample and of k-means.

    Returns:
        ``(N,)``, numbered from 0, the cluster with most forgeries first.

    Raises:
        ManifestError: If a forgery has no features.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    points = _points_of(fakes, features)
    rng = np.random.default_rng(seed)
    sample = points[np.sort(rng.permutation(len(points))[:_FITTED])]
    count = min(num_clusters, len(np.unique(sample, axis=0)))
    with threadpool_limits(1):  # sums over threads are other sums for another number of cores
        model = KMeans(count, n_init=_STARTS, random_state=seed).fit(sample)
        nearest = pd.Series(model.predict(points), index=fakes.index)
    groups = fakes["group"]
    votes = pd.crosstab(groups, nearest)
    labels = votes.columns.to_numpy()[votes.to_numpy().argmax(axis=1)]
    of_row = groups.map(dict(zip(votes.index, labels, strict=True))).to_numpy(np.int64)
    order = np.argsort(-np.bincount(of_row, minlength=count), kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    numbered: NDArray[np.int64] = rank[of_row]
    return numbered


def _points_of(fakes: pd.DataFrame, features: pd.DataFrame) -> NDArray[np.float32]:
    found = fakes[KEY].merge(features[[*KEY, "features"]], on=KEY, how="left")["features"]
    absent = found.isna().to_numpy()
    if absent.any():
        raise ManifestError(
            f"{absent.sum():,} of {len(fakes):,} forgeries have no features: "
            f"{show_rows(fakes[absent])}; run the pipeline splitting from its first node"
        )
    return np.frombuffer(b"".join(found), "<f4").reshape(len(fakes), -1)
