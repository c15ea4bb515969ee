"""Splits with whole clusters on one side, and subsets; both keep every class in proportion."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import FAKE, REAL, ManifestError

Labels = NDArray[np.int64]
_CLASS_NAMES = {REAL: "real", FAKE: "fake"}


def split_by_cluster(
    manifest: pd.DataFrame, clusters: Labels, *, proportions: NDArray[np.float64], seed: int
) -> Labels:
    """Deal clusters out to sides, in proportion for all images, each class, each kind and source.

    The largest clusters go first, in random order among equals, each to the side where it does
    the least harm: where the sum over all counts of (count - due)**2 / due grows least. One pass,
    linear in the number of clusters; the result does not depend on the order of the rows.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``.
        clusters: ``(N,)``, the cluster of each row, from 0.
        proportions: ``(K,)``, of the images, for each side; they sum to 1.
        seed: Another seed, another split.

    Returns:
        ``(N,)`` side of each row, from 0.

    Raises:
        ManifestError: If a class has images in fewer clusters than there are sides.
    """
    _check_enough_clusters(manifest, clusters, len(proportions))
    clusters = _number_by_path(manifest["path"], clusters)
    owners, features, counts = _count_features(manifest, clusters)
    due = np.outer(np.bincount(features, weights=counts), proportions)
    starts = np.searchsorted(owners, np.arange(clusters.max() + 2))
    dealt = np.zeros_like(due)
    sides = np.empty(len(starts) - 1, np.int64)
    for cluster in _deal_order(np.bincount(clusters), seed):
        mine = slice(starts[cluster], starts[cluster + 1])
        which, n = features[mine], counts[mine, None]
        harm = (n * (2 * dealt[which] + n) / due[which]).sum(axis=0)
        side = harm.argmin()
        dealt[which, side] += counts[mine]
        sides[cluster] = side
    return sides[clusters]


def check_both_classes(
    side: pd.DataFrame, name: str, *, remedy: str, makes_fakes: bool = False
) -> None:
    """Refuse a side of a split on which a class is missing.

    Args:
        side: The columns of ``MANIFEST_COLUMNS``.
        name: What messages call it.
        remedy: What the user can do.
        makes_fakes: Whether forgeries are made of the real images, so that these are enough.

    Raises:
        ManifestError: With the counts.
    """
    num_real, num_fake = (int((side["target"] == target).sum()) for target in (REAL, FAKE))
    if not num_real or not (num_fake or makes_fakes):
        raise ManifestError(
            f"{name} has {num_real:,} real and {num_fake:,} fake images; both classes are needed. "
            f"{remedy}"
        )


def choose_subset(table: pd.DataFrame, num_images: int, *, seed: int) -> pd.DataFrame:
    """Draw at most ``num_images`` rows such that each class, kind and source keeps its proportion.

    Args:
        table: Columns ``target``, ``kind``, ``source``.
        num_images: At least 2. At least one row of each class is drawn.
        seed: Any number from 0.

    Returns:
        The rows drawn, in their order.
    """
    if len(table) <= num_images:
        return table
    luck = pd.Series(np.random.default_rng(seed).random(len(table)), index=table.index)
    strata = luck.groupby([table["target"], table["kind"], table["source"]], dropna=False)
    # The n-th of a stratum of size s gets (n - 1/2) / s: the first ones of all strata are
    # drawn at the pace of their sizes.
    pace = (strata.rank(method="first") - 0.5) / strata.transform("size")
    first_of_class = luck.groupby(table["target"]).rank(method="first") == 1
    order = pd.DataFrame({"late": ~first_of_class, "pace": pace, "luck": luck})
    drawn = order.sort_values(["late", "pace", "luck"]).index[:num_images]
    return table.loc[table.index.isin(drawn)]


def _check_enough_clusters(manifest: pd.DataFrame, clusters: Labels, num_sides: int) -> None:
    for target, name in _CLASS_NAMES.items():
        num_found = len(np.unique(clusters[(manifest["target"] == target).to_numpy()]))
        if num_found < num_sides:
            raise ManifestError(
                f"the {name} images form {num_found:,} group(s), too few for {num_sides} sides of "
                "a split; groups joined by identical or near-identical images count as one. "
                "Lower splitting.num_folds, add images, or name a validation file "
                "(data.val_labels)."
            )


def _number_by_path(paths: pd.Series, clusters: Labels) -> Labels:
    """Number clusters by their first path, so that the order of the rows does not matter."""
    order = np.argsort(paths.to_numpy(dtype=str), kind="stable")
    numbers = np.empty(len(clusters), np.int64)
    numbers[order] = pd.factorize(clusters[order])[0]
    return numbers


def _count_features(
    manifest: pd.DataFrame, clusters: Labels
) -> tuple[Labels, Labels, NDArray[np.float64]]:
    """Count, in each cluster, its images, those of each class, and those of each kind and source.

    Returns:
        Cluster, feature and count of every count above 0, by cluster.
    """
    target = manifest["target"].to_numpy(np.int64)
    fine = manifest.groupby(["target", "kind", "source"], sort=True).ngroup().to_numpy(np.int64)
    features = np.concatenate([np.zeros_like(target), 1 + target, 3 + fine])
    num_features = int(features.max()) + 1
    cells, counts = np.unique(np.tile(clusters, 3) * num_features + features, return_counts=True)
    return cells // num_features, cells % num_features, counts.astype(np.float64)


def _deal_order(sizes: Labels, seed: int) -> Labels:
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    return shuffled[np.argsort(-sizes[shuffled], kind="stable")]
