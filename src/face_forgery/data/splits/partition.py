"""The manifest in two: training and validation with nothing in common, and a report on it."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import (
    FAKE,
    REAL,
    ManifestError,
    look_up,
    show_examples,
)
from face_forgery.data.labels.set_summary import CLASS_NAMES, class_names, count_values
from face_forgery.data.splits.groups import (
    Labels,
    describe_leaks,
    find_leaks,
    join_groups,
    refuse_leaks,
    show_pairs,
)
from face_forgery.data.splits.holdout import (
    GroupedSplit,
    Partition,
    choose_groups,
    group_split,
    without_groups,
)
from face_forgery.data.splits.near_duplicates import Positions
from face_forgery.params import SplittingParams

logger = logging.getLogger(__name__)

_WORTH_A_WARNING = 0.02  # of the images: how far validation may miss its proportion in silence

_MOST_FRAMES = 1000  # of a folder that may be one video
_LARGEST_FOLDER = 0.2  # of the images: a larger one is a class, a kind or the whole set

_IF_OFFICIAL = "Check the targets of the label files (0 = real, 1 = fake), and what was left out."
_IF_MADE = "Real images alone are enough with augmentation.forgeries.proportion above 0."
_IF_SPLIT = (
    "The groups are too few or too large for this proportion: raise splitting.val_fraction, or set "
    "splitting.num_folds."
)


def divide_manifest(
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    holdout_groups: pd.DataFrame,
    params: SplittingParams,
    *,
    has_val_labels: bool,
    makes_fakes: bool = False,
) -> Partition:
    """Set validation apart: the official one where there is one, else whole clusters of training.

    Hold-out groups that are held out go over to validation. ``image_hashes`` and, where
    ``params.holdout.by`` is set, ``holdout_groups`` have a row for each labelled row of
    ``manifest``. Where training ``makes_fakes`` of its real images, it needs no others.

    Raises:
        ManifestError: If the inputs do not belong together, a class is missing on a side or has
            too few groups, or something leaks and ``params.leaks`` is ``refuse``.
    """
    train, val, report = _set_apart(manifest, image_hashes, params, has_val_labels=has_val_labels)
    val_holdout = without_groups(val)
    if params.holdout.by is not None:
        split = group_split(train, val, image_hashes, holdout_groups, params.holdout)
        names = choose_groups(list(split.members), params.holdout.hold_out, seed=params.seed)
        train, val, val_holdout, report["holdout"] = split.hold_out(names)
        _warn_of_rows_set_aside(report["holdout"])
    num_images = len(train) + len(val)
    report |= {"train": _describe(train, num_images), "val": _describe(val, num_images)}
    remedy = _IF_OFFICIAL if has_val_labels else _IF_SPLIT
    check_both_classes(
        train, "the training set", remedy=f"{remedy} {_IF_MADE}", makes_fakes=makes_fakes
    )
    check_both_classes(val, "the validation set", remedy=remedy)
    return Partition(train, val, val_holdout, report)


def divide_for_cross_validation(
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    holdout_groups: pd.DataFrame,
    params: SplittingParams,
    *,
    has_val_labels: bool,
) -> GroupedSplit:
    """Set validation apart as `divide_manifest` does, with every hold-out group on both sides.

    Errors are those of `divide_manifest`; without ``params.holdout.by`` there are no groups.
    """
    if params.holdout.by is None:
        raise ManifestError(
            "there are no folds without hold-out groups: set splitting.holdout.by to kind, source "
            "or cluster"
        )
    train, val, _ = _set_apart(manifest, image_hashes, params, has_val_labels=has_val_labels)
    return group_split(train, val, image_hashes, holdout_groups, params.holdout)


def split_by_cluster(
    manifest: pd.DataFrame, clusters: Labels, *, proportions: NDArray[np.float64], seed: int
) -> Labels:
    """Deal clusters out to sides, in proportion for all images, each class, each kind and source.

    The largest clusters go first, in random order among equals, each to the side where it does
    the least harm: where the sum over all counts of (count - due)**2 / due grows least. One pass,
    linear in the number of clusters; the result does not depend on the order of the rows.

    Returns:
        ``(N,)`` side of each row, from 0; side ``k`` has about ``proportions[k]`` of the images.

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
    sizes = np.bincount(clusters)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    for cluster in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
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
    """Refuse a side of a split on which a class is missing, and cannot be made.

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

    The rows stay in their order; of each class there is one at least.
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


def _set_apart(
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    params: SplittingParams,
    *,
    has_val_labels: bool,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the two sides and the beginning of a report."""
    labelled = manifest[manifest["subset"] != "test"].reset_index(drop=True)
    remedy = "run the pipeline splitting from its first node"
    hashes = look_up(labelled, image_hashes, "thumbnail", what="hash", remedy=remedy)
    in_val = (labelled["subset"] == "val").to_numpy()
    if in_val.any() != has_val_labels:
        raise ManifestError(
            f"the manifest has {in_val.sum():,} val rows, but data.val_labels is "
            f"{'set' if has_val_labels else 'null'}; run the pipeline ingestion with the same "
            "parameters"
        )
    if has_val_labels:
        in_train, report = _keep_official(labelled, hashes, in_val, params)
    else:
        in_val, report = _split_off(labelled, hashes, params)
        in_train = ~in_val
    sides = (labelled[in_train], labelled[in_val])
    return sides[0].reset_index(drop=True), sides[1].reset_index(drop=True), report


def _keep_official(
    labelled: pd.DataFrame, hashes: pd.DataFrame, in_val: Any, params: SplittingParams
) -> tuple[Any, dict[str, Any]]:
    """Return which rows are trained on: all that are not validation and do not leak into it."""
    train, val = labelled[~in_val], labelled[in_val]
    leaks = find_leaks(train, val, hashes[~in_val], hashes[in_val])
    if params.leaks == "refuse":
        refuse_leaks(leaks, train, val)
    in_train = ~in_val
    in_train[np.flatnonzero(~in_val)[leaks["train_position"].unique()]] = False
    if len(leaks):
        logger.warning(
            "%d of %d training rows are left out: they leak into validation (split_report)",
            len(train) - in_train.sum(),
            len(train),
        )
    return in_train, {"method": "official", "leaks": describe_leaks(leaks, train, val)}


def _split_off(
    labelled: pd.DataFrame, hashes: pd.DataFrame, params: SplittingParams
) -> tuple[Any, dict[str, Any]]:
    """Return which rows are validation."""
    clusters, joined = join_groups(labelled, hashes)
    if params.num_folds is None:
        proportions = np.array([1 - params.val_fraction, params.val_fraction])
        val_side = 1
        method: dict[str, Any] = {"method": "fraction", "val_fraction": params.val_fraction}
    else:
        proportions = np.full(params.num_folds, 1 / params.num_folds)
        val_side = params.fold
        method = {"method": "folds", "num_folds": params.num_folds, "fold": params.fold}
    sides = split_by_cluster(labelled, clusters, proportions=proportions, seed=params.seed)
    in_val = sides == val_side
    _warn_of_proportion(float(in_val.mean()), float(proportions[val_side]), clusters)
    _warn_of_torn_folders(labelled["path"], in_val)
    return in_val, method | {
        "seed": params.seed,
        "groups": _describe_joins(labelled, clusters, joined),
    }


def _describe(side: pd.DataFrame, num_images: int) -> dict[str, Any]:
    return {
        "images": len(side),
        "proportion": len(side) / num_images if num_images else 0.0,
        "classes": count_values(class_names(side)),
        "kinds": count_values(side["kind"]),
        "sources": count_values(side["source"]),
        "groups": int(side["group"].nunique()),
    }


def _describe_joins(labelled: pd.DataFrame, clusters: Labels, joined: Positions) -> dict[str, Any]:
    return {
        "given": int(labelled["group"].nunique()),
        "after_joining_identical_and_near_identical": int(clusters.max()) + 1,
        "largest": int(np.bincount(clusters).max()),
        "near_identical_pairs_that_joined": len(joined),
        "first_pairs": show_pairs(labelled, joined[:20, 0], labelled, joined[:20, 1]),
    }


def _warn_of_proportion(reached: float, wanted: float, clusters: Labels) -> None:
    if abs(reached - wanted) > _WORTH_A_WARNING:
        largest = np.sort(np.bincount(clusters))[::-1]
        logger.warning(
            "validation has %.1f %% of the images in place of %.1f %%: groups stay whole, and the "
            "largest have %s images",
            100 * reached,
            100 * wanted,
            show_examples(f"{size:,}" for size in largest),
        )


def _warn_of_torn_folders(paths: pd.Series, in_val: NDArray[np.bool_]) -> None:
    """Warn where folders that look like the frames of a video have images on both sides."""
    parts = paths.str.rpartition("/")
    name = parts[2].str.replace(r"\d+", "#", regex=True)
    table = pd.DataFrame({"folder": parts[0], "name": name, "in_val": in_val})
    facts = table.groupby("folder").agg(
        sides=("in_val", "nunique"), names=("name", "nunique"), images=("name", "size")
    )
    is_few = facts["images"] <= min(_MOST_FRAMES, _LARGEST_FOLDER * len(paths))
    torn = facts.index[(facts["sides"] == 2) & (facts["names"] == 1) & is_few]
    if len(torn):
        logger.warning(
            "%s of %s sub-folders have images in training and in validation: %s. If each holds the "
            "frames of one video, validation is too easy: ingestion.from_path=folder keeps each on "
            "one side",
            f"{len(torn):,}",
            f"{len(facts):,}",
            show_examples(torn),
        )


def _warn_of_rows_set_aside(report: dict[str, Any]) -> None:
    for group in report["groups"]:
        if group["set_aside"]:
            logger.warning(
                "%s training rows of the held-out group %s are set aside: others of their groups "
                "are trained on (split_report)",
                f"{group['set_aside']:,}",
                group["name"],
            )


def _check_enough_clusters(manifest: pd.DataFrame, clusters: Labels, num_sides: int) -> None:
    for target, name in CLASS_NAMES.items():
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
    """Return cluster, feature and count, above 0, of images, each class, each kind and source."""
    target = manifest["target"].to_numpy(np.int64)
    fine = manifest.groupby(["target", "kind", "source"], sort=True).ngroup().to_numpy(np.int64)
    features = np.concatenate([np.zeros_like(target), 1 + target, 3 + fine])
    num_features = int(features.max()) + 1
    cells, counts = np.unique(np.tile(clusters, 3) * num_features + features, return_counts=True)
    return cells // num_features, cells % num_features, counts.astype(np.float64)
