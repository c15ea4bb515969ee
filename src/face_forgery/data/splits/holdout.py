"""Folds: parts of a set that a detector can be tried on without having been trained on them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import FAKE, KEY, REAL, ManifestError, show_examples
from face_forgery.data.splits.clusters import Labels, join_groups
from face_forgery.data.splits.feature_table import cluster_by_features
from face_forgery.data.splits.held_out import NO_FOLD
from face_forgery.params import FoldsParams

logger = logging.getLogger(__name__)

FOLD_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "fold": "string",  # NO_FOLD: it belongs to none
    "is_held_out": "bool",  # training has nothing of the fold
}

Names = NDArray[np.object_]

_NAMED = 3  # members that the name of a joined fold holds


@dataclass(frozen=True, eq=False)
class FoldedSplit:
    """A split of which whole folds can be kept from training.

    Args:
        train: The columns of ``MANIFEST_COLUMNS``.
        val: The same.
        train_folds: ``(N,)``, the fold of each training row.
        val_folds: ``(M,)``, the fold of each validation row.
        train_clusters: ``(N,)``, equal for training rows that must stay together.
        members: Fold -> the kinds, sources or clusters that it is made of, largest fold first.
        by: What folds are.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    train_folds: Names
    val_folds: Names
    train_clusters: Labels
    members: dict[str, list[str]]
    by: str

    def hold_out(self, names: Sequence[str]) -> "HeldOutSplit":
        """Keep folds from training.

        Their training rows go to validation where nothing that stays belongs to the same group or
        shows a nearly identical picture; the others are set aside, on neither side.

        Args:
            names: Of the folds; none: the split stays as it is.
        """
        is_withheld = np.isin(self.train_folds.astype(str), list(names))
        stuck = np.isin(self.train_clusters, self.train_clusters[~is_withheld])
        moves, is_aside = is_withheld & ~stuck, is_withheld & stuck
        val = pd.concat([self.val, self.train[moves]], ignore_index=True)
        folds = np.concatenate([self.val_folds, self.train_folds[moves]])
        table = val[KEY].assign(fold=folds, is_held_out=np.isin(folds.astype(str), list(names)))
        return HeldOutSplit(
            train=self.train[~is_withheld].reset_index(drop=True),
            val=val,
            val_folds=table.astype(FOLD_COLUMNS),
            account=[
                {
                    "name": name,
                    "members": members,
                    "is_held_out": name in names,
                    "in_training": _count(self.train, (self.train_folds == name) & ~is_withheld),
                    "in_validation": _count(val, folds == name),
                    "moved_to_validation": int((moves & (self.train_folds == name)).sum()),
                    "set_aside": int((is_aside & (self.train_folds == name)).sum()),
                }
                for name, members in self.members.items()
            ],
        )


@dataclass(frozen=True, eq=False)
class HeldOutSplit:
    """A split with folds that training has nothing of.

    Args:
        train: The columns of ``MANIFEST_COLUMNS``.
        val: The same.
        val_folds: ``FOLD_COLUMNS``, a row for each row of ``val`` in its order.
        account: What became of each fold; plain values.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    val_folds: pd.DataFrame
    account: list[dict[str, Any]]


def fold_split(
    train: pd.DataFrame,
    val: pd.DataFrame,
    image_hashes: pd.DataFrame,
    features: pd.DataFrame,
    params: FoldsParams,
    *,
    near_duplicate_bits: int,
    seed: int,
) -> FoldedSplit:
    """Name the fold of every row, and join the folds that are too small to be measured.

    A fold is measured on its forgeries against the real pictures of validation; a source against
    its own real pictures. It is too small where, held out alone, fewer than ``min_images`` of a
    class would be there. All that are too small become one fold; if that is still too small, the
    smallest of the others joins it. With ``small=refuse`` they are an error.

    Args:
        train: The columns of ``MANIFEST_COLUMNS``.
        val: The same.
        image_hashes: The columns of ``IMAGE_HASH_COLUMNS`` for the rows of ``train``.
        features: ``FEATURE_COLUMNS`` of all forgeries, for clusters.
        params: What folds are.
        near_duplicate_bits: As in splitting.
        seed: Of the clusters.

    Raises:
        ManifestError: If fewer than two folds can be measured; names all with their counts.
    """
    names = _name_rows(pd.concat([train, val], ignore_index=True), features, params, seed=seed)
    train_names, val_names = names[: len(train)], names[len(train) :]
    hashes = train[KEY].merge(image_hashes, on=KEY, how="left", validate="one_to_one")
    clusters, _ = join_groups(train, hashes, max_bits=near_duplicate_bits)
    can_move = _is_alone(train_names, clusters)
    measurable = pd.concat([train[can_move], val], ignore_index=True)
    of_row = np.concatenate([train_names[can_move], val_names])
    counts = _count_folds(measurable["target"].to_numpy(np.int64), of_row, str(params.by))
    members = _join_small(counts, params)
    new_name = {old: name for name, olds in members.items() for old in olds} | {NO_FOLD: NO_FOLD}
    return FoldedSplit(
        train=train,
        val=val,
        train_folds=np.array([new_name[name] for name in train_names], dtype=object),
        val_folds=np.array([new_name[name] for name in val_names], dtype=object),
        train_clusters=clusters,
        members=members,
        by=str(params.by),
    )


def choose_folds(names: Sequence[str], hold_out: int | tuple[str, ...], *, seed: int) -> list[str]:
    """Return the folds to hold out: those named, or so many drawn by ``seed``.

    Args:
        names: All folds.
        hold_out: As ``splitting.folds.hold_out``.
        seed: Any number from 0.

    Raises:
        ManifestError: If a name is not there, or no fold would be left.
    """
    if isinstance(hold_out, int):
        if hold_out and hold_out >= len(names):
            raise ManifestError(
                f"splitting.folds.hold_out={hold_out} leaves nothing to train on: there are "
                f"{len(names)} folds: {', '.join(names)}"
            )
        order = np.random.default_rng(seed).permutation(sorted(names))[:hold_out]
        return [name for name in names if name in set(order)]
    if unknown := sorted(set(hold_out) - set(names)):
        raise ManifestError(
            f"splitting.folds.hold_out names {show_examples(unknown)}, and there is no such fold; "
            f"there are: {', '.join(names)} (+ joins those that are too small alone)"
        )
    if len(hold_out) == len(names):
        raise ManifestError(
            f"splitting.folds.hold_out names all {len(names)} folds; leave one to train on"
        )
    return [name for name in names if name in hold_out]


def without_folds(val: pd.DataFrame) -> pd.DataFrame:
    """Return ``FOLD_COLUMNS`` for validation rows that belong to no fold."""
    return val[KEY].assign(fold=NO_FOLD, is_held_out=False).astype(FOLD_COLUMNS)


def _name_rows(
    rows: pd.DataFrame, features: pd.DataFrame, params: FoldsParams, *, seed: int
) -> Names:
    if params.by == "source":
        return rows["source"].astype(str).to_numpy(dtype=object)
    is_fake = (rows["target"] == FAKE).to_numpy(dtype=bool)
    names = np.full(len(rows), NO_FOLD, dtype=object)
    fakes = rows[is_fake]
    if params.by == "kind":
        names[is_fake] = fakes["kind"].astype(str).to_numpy(dtype=object)
    else:
        clusters = cluster_by_features(fakes, features, num_clusters=params.num_clusters, seed=seed)
        names[is_fake] = [f"cluster_{number}" for number in clusters]
    return names


def _is_alone(names: Names, clusters: Labels) -> NDArray[np.bool_]:
    """Say of each training row whether all that must stay with it belong to its fold."""
    folds = pd.Series(names).groupby(clusters)
    alone: NDArray[np.bool_] = (folds.transform("nunique") == 1).to_numpy() & (names != NO_FOLD)
    return alone


def _count_folds(targets: Labels, names: Names, by: str) -> pd.DataFrame:
    """Count the pictures that each fold would be measured on: by fold, largest first."""
    table = pd.DataFrame({"fold": names, "target": targets})
    counts = (
        table[table["fold"] != NO_FOLD]
        .groupby("fold")["target"]
        .agg(fake="sum", real=lambda column: int((column == REAL).sum()))
        .astype(np.int64)
    )
    if by != "source":
        counts["real"] = int((targets == REAL).sum())
    order = counts.reset_index().sort_values(["fake", "fold"], ascending=[False, True])
    return order.set_index("fold")


def _join_small(counts: pd.DataFrame, params: FoldsParams) -> dict[str, list[str]]:
    least = counts.min(axis=1)
    small = list(counts.index[least < params.min_images])
    large = [name for name in counts.index if name not in small]
    described = "; ".join(
        f"{name}: {row.real:,} real, {row.fake:,} forged" for name, row in counts.iterrows()
    )
    rule = (
        f"a fold takes {params.min_images} pictures of each class to measure "
        f"(splitting.folds.min_images): {described}"
    )
    if small and params.small == "refuse":
        raise ManifestError(
            f"{len(small)} of {len(counts)} folds are too small, and {rule}. Set "
            "splitting.folds.small=merge or lower splitting.folds.min_images"
        )
    joined = list(small)
    while joined and large and _least_of(counts, joined, params) < params.min_images:
        joined.append(large.pop())
    members = {name: [name] for name in large} | ({_join_names(joined): joined} if joined else {})
    if len(members) < 2 or (joined and _least_of(counts, joined, params) < params.min_images):
        raise ManifestError(
            f"splitting.folds.by={params.by} gives fewer than two folds that can be measured; "
            f"{rule}"
        )
    if len(joined) > 1:
        logger.warning("folds too small to be measured are joined: %s", described)
    return members


def _least_of(counts: pd.DataFrame, names: list[str], params: FoldsParams) -> int:
    fake = int(counts.loc[names, "fake"].sum())
    real = counts.loc[names, "real"]
    return min(fake, int(real.sum() if params.by == "source" else real.max()))


def _join_names(names: list[str]) -> str:
    if len(names) <= _NAMED:
        return "+".join(names)
    return f"{'+'.join(names[: _NAMED - 1])}+{len(names) - _NAMED + 1} others"


def _count(rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> dict[str, int]:
    targets = rows["target"][chosen]
    return {"real": int((targets == REAL).sum()), "fake": int((targets == FAKE).sum())}
