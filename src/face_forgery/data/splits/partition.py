"""The manifest in two: training and validation with nothing in common, and an account of it."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from face_forgery.data.labels.manifest import KEY, ManifestError, show_examples, show_rows
from face_forgery.data.labels.set_summary import class_names, count_values
from face_forgery.data.splits.clusters import Labels, join_groups
from face_forgery.data.splits.duplicates import Positions
from face_forgery.data.splits.feature_table import empty_feature_table
from face_forgery.data.splits.holdout import FoldedSplit, choose_folds, fold_split, without_folds
from face_forgery.data.splits.leaks import describe_leaks, find_leaks, refuse_leaks
from face_forgery.data.splits.splitting import check_both_classes, split_by_cluster
from face_forgery.params import SplittingParams

logger = logging.getLogger(__name__)

_WORTH_A_WARNING = 0.02  # of the images: how far the validation share may miss its mark in silence

_IF_OFFICIAL = "Check the targets of the label files (0 = real, 1 = fake), and what was left out."
_IF_MADE = "Real images alone are enough with augmentation.forgeries.proportion above 0."
_IF_SPLIT = (
    "The groups are too few or too large for this share: raise splitting.val_fraction, or set "
    "splitting.num_folds."
)


@dataclass(frozen=True, eq=False)
class Partition:
    """Two manifests and a report of plain dicts, lists, strings and numbers.

    ``val_folds`` has ``FOLD_COLUMNS``, a row for each validation row in its order.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    val_folds: pd.DataFrame
    report: dict[str, Any]


def divide_manifest(
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    params: SplittingParams,
    *,
    has_val_labels: bool,
    makes_fakes: bool = False,
    features: pd.DataFrame | None = None,
) -> Partition:
    """Set validation apart: the official one where there is one, else whole clusters of training.

    Folds that are held out go over to validation.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``; ``test`` rows are left out.
        image_hashes: The columns of ``IMAGE_HASH_COLUMNS`` for its labelled rows.
        params: How to split, and what to do about leaks.
        has_val_labels: Whether there is an official validation set.
        makes_fakes: Whether training makes forgeries of its real images, and needs no others.
        features: ``FEATURE_COLUMNS`` of the forgeries, where folds are clusters.

    Raises:
        ManifestError: If the inputs do not belong together, a class is missing on a side or has
            too few groups, or something leaks and ``params.leaks`` is ``refuse``.
    """
    partition, remedy = _set_apart(manifest, image_hashes, params, has_val_labels=has_val_labels)
    if params.folds.by is not None:
        partition = _hold_out(partition, image_hashes, features, params)
    check_both_classes(
        partition.train,
        "the training set",
        remedy=f"{remedy} {_IF_MADE}",
        makes_fakes=makes_fakes,
    )
    check_both_classes(partition.val, "the validation set", remedy=remedy)
    return partition


def fold_manifest(
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    params: SplittingParams,
    *,
    has_val_labels: bool,
    features: pd.DataFrame,
) -> FoldedSplit:
    """Set validation apart as `divide_manifest` does, with every fold still on both sides.

    Arguments and errors are those of `divide_manifest`; without ``params.folds.by`` there are no
    folds, which is an error.
    """
    if params.folds.by is None:
        raise ManifestError(
            "there are no folds: say what they are, --params splitting.folds.by=kind, source or "
            "cluster"
        )
    partition, _ = _set_apart(manifest, image_hashes, params, has_val_labels=has_val_labels)
    return _fold(partition, image_hashes, features, params)


def _set_apart(
    manifest: pd.DataFrame,
    image_hashes: pd.DataFrame,
    params: SplittingParams,
    *,
    has_val_labels: bool,
) -> tuple[Partition, str]:
    """Return the two sides, and what to do where one of them lacks a class."""
    labelled = manifest[manifest["subset"] != "test"].reset_index(drop=True)
    hashes = _match_hashes(labelled, image_hashes)
    in_val = (labelled["subset"] == "val").to_numpy()
    if in_val.any() != has_val_labels:
        raise ManifestError(
            f"the manifest has {in_val.sum():,} val rows, but data.val_labels is "
            f"{'set' if has_val_labels else 'null'}; run the pipeline ingestion with the same "
            "parameters"
        )
    if has_val_labels:
        return _keep_official(labelled, hashes, in_val, params), _IF_OFFICIAL
    return _split_off(labelled, hashes, params), _IF_SPLIT


def _fold(
    partition: Partition,
    image_hashes: pd.DataFrame,
    features: pd.DataFrame | None,
    params: SplittingParams,
) -> FoldedSplit:
    return fold_split(
        partition.train,
        partition.val,
        image_hashes,
        empty_feature_table() if features is None else features,
        params.folds,
        near_duplicate_bits=params.near_duplicate_bits,
        seed=params.seed,
    )


def _hold_out(
    partition: Partition,
    image_hashes: pd.DataFrame,
    features: pd.DataFrame | None,
    params: SplittingParams,
) -> Partition:
    split = _fold(partition, image_hashes, features, params)
    names = choose_folds(list(split.members), params.folds.hold_out, seed=params.seed)
    held_out = split.hold_out(names)
    report = partition.report | {"folds": {"by": split.by, "folds": held_out.account}}
    for fold in held_out.account:
        if fold["set_aside"]:
            logger.warning(
                "%s training rows of the held-out fold %s are set aside: others of their groups "
                "are trained on (split_report)",
                f"{fold['set_aside']:,}",
                fold["name"],
            )
    accounted = _account(held_out.train, held_out.val, report)
    return replace(accounted, val_folds=held_out.val_folds)


def _match_hashes(labelled: pd.DataFrame, image_hashes: pd.DataFrame) -> pd.DataFrame:
    matched = labelled[KEY].merge(image_hashes, on=KEY, how="left", validate="one_to_one")
    absent = matched["thumbnail"].isna().to_numpy()
    if absent.any():
        raise ManifestError(
            f"{absent.sum():,} of {len(labelled):,} images have no hash: "
            f"{show_rows(labelled[absent])}; run the pipeline splitting from its first node"
        )
    return matched


def _keep_official(
    labelled: pd.DataFrame, hashes: pd.DataFrame, in_val: Any, params: SplittingParams
) -> Partition:
    train, val = labelled[~in_val], labelled[in_val]
    leaks = find_leaks(
        train, val, hashes[~in_val], hashes[in_val], max_bits=params.near_duplicate_bits
    )
    if params.leaks == "refuse":
        refuse_leaks(leaks, train, val)
    report = {"method": "official", "leaks": describe_leaks(leaks, train, val)}
    kept = np.delete(np.arange(len(train)), leaks["train_position"].unique())
    if len(kept) < len(train):
        logger.warning(
            "%d of %d training rows are left out: they leak into validation (split_report)",
            len(train) - len(kept),
            len(train),
        )
    return _account(train.iloc[kept], val, report)


def _split_off(labelled: pd.DataFrame, hashes: pd.DataFrame, params: SplittingParams) -> Partition:
    clusters, joined = join_groups(labelled, hashes, max_bits=params.near_duplicate_bits)
    if params.num_folds is None:
        shares, val_side = np.array([1 - params.val_fraction, params.val_fraction]), 1
        method: dict[str, Any] = {"method": "fraction", "val_fraction": params.val_fraction}
    else:
        shares, val_side = np.full(params.num_folds, 1 / params.num_folds), params.fold
        method = {"method": "folds", "num_folds": params.num_folds, "fold": params.fold}
    sides = split_by_cluster(labelled, clusters, shares=shares, seed=params.seed)
    in_val = sides == val_side
    _warn_of_share(float(in_val.mean()), float(shares[val_side]), clusters)
    report = method | {"seed": params.seed, "groups": _describe_joins(labelled, clusters, joined)}
    return _account(labelled[~in_val], labelled[in_val], report)


def _account(train: pd.DataFrame, val: pd.DataFrame, report: dict[str, Any]) -> Partition:
    num_images = len(train) + len(val)
    for name, side in (("train", train), ("val", val)):
        report[name] = {
            "images": len(side),
            "share": len(side) / num_images if num_images else 0.0,
            "classes": count_values(class_names(side)),
            "kinds": count_values(side["kind"]),
            "sources": count_values(side["source"]),
            "groups": int(side["group"].nunique()),
        }
    val = val.reset_index(drop=True)
    return Partition(train.reset_index(drop=True), val, without_folds(val), report)


def _describe_joins(labelled: pd.DataFrame, clusters: Labels, joined: Positions) -> dict[str, Any]:
    pairs = [
        f"{show_rows(labelled.iloc[[left]])} and {show_rows(labelled.iloc[[right]])}"
        for left, right in joined[:20]
    ]
    return {
        "given": int(labelled["group"].nunique()),
        "after_joining_identical_and_near_identical": int(clusters.max()) + 1,
        "largest": int(np.bincount(clusters).max()),
        "near_identical_pairs_that_joined": len(joined),
        "first_pairs": pairs,
    }


def _warn_of_share(reached: float, wanted: float, clusters: Labels) -> None:
    if abs(reached - wanted) > _WORTH_A_WARNING:
        largest = np.sort(np.bincount(clusters))[::-1]
        logger.warning(
            "validation has %.1f %% of the images in place of %.1f %%: groups stay whole, and the "
            "largest have %s images",
            100 * reached,
            100 * wanted,
            show_examples(f"{size:,}" for size in largest),
        )
