"""Hold-out groups: parts of a set that a detector is tried on without being trained on them."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from face_forgery.data.labels.manifest import (
    FAKE,
    KEY,
    REAL,
    ManifestError,
    look_up,
    show_examples,
)
from face_forgery.data.splits.groups import Labels, join_groups
from face_forgery.params import HoldoutParams

logger = logging.getLogger(__name__)

HOLDOUT_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "by": "string",  # kind, source or cluster
    "holdout": "string",  # what the image belongs to, before small ones are joined
}
VAL_HOLDOUT_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "holdout": "string",  # name of its hold-out group; NO_GROUP: it belongs to none
    "is_held_out": "bool",  # training has nothing of the group
}
NO_GROUP = ""  # of real images, unless groups are sources

_NAMED = 3  # members that the name of a joined group holds
_FITTED = 20_000  # forgeries that the centers of clusters come from, at most
_STARTS = 4  # of k-means; the best is kept

Names = NDArray[np.object_]


class Partition(NamedTuple):
    """Two manifests, the hold-out groups of the second, and plain values that describe them.

    ``val_holdout`` has ``VAL_HOLDOUT_COLUMNS``, a row for each validation row in its order.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    val_holdout: pd.DataFrame
    report: dict[str, Any]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Positions in validation, ascending, of what training has nothing of."""

    # Held-out group -> what its AUC is measured on: its images, and the real ones of no group.
    rows: Mapping[str, Labels]
    seen: Labels  # all images but those of held-out groups

    @classmethod
    def of(cls, targets: Labels, val_holdout: pd.DataFrame) -> "HeldOut | None":
        """Read ``VAL_HOLDOUT_COLUMNS`` in the order of ``targets``; ``None``: nothing held out."""
        names = val_holdout["holdout"].to_numpy(dtype=str)
        is_held_out = val_holdout["is_held_out"].to_numpy(dtype=bool)
        if not is_held_out.any():
            return None
        is_shared = (names == NO_GROUP) & (targets == REAL)
        held_out = map(str, np.unique(names[is_held_out]))
        rows = {name: np.flatnonzero((names == name) | is_shared) for name in held_out}
        return cls(rows, seen=np.flatnonzero(~is_held_out))

    @property
    def fingerprint(self) -> str:
        """Hash of names and positions."""
        digest = hashlib.sha256(self.seen.tobytes())
        for name, rows in sorted(self.rows.items()):
            digest.update(f"{name}={len(rows)}\n".encode() + rows.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class GroupedSplit:
    """A split of which whole hold-out groups can be kept from training."""

    train: pd.DataFrame
    val: pd.DataFrame
    train_names: Names  # (N,), the hold-out group of each training row
    val_names: Names  # (M,), the hold-out group of each validation row
    train_clusters: Labels  # (N,), equal for training rows that must stay together
    members: dict[str, list[str]]  # group -> kinds, sources or clusters in it, largest first
    by: str  # what groups are

    def hold_out(self, names: Sequence[str]) -> Partition:
        """Keep groups from training.

        Their training rows go to validation where nothing that stays belongs to the same group of
        the manifest or shows a near-identical image; the others are set aside, on neither side.

        The report says what became of each group.
        """
        is_withheld = np.isin(self.train_names.astype(str), list(names))
        stuck = np.isin(self.train_clusters, self.train_clusters[~is_withheld])
        moves, is_aside = is_withheld & ~stuck, is_withheld & stuck
        val = pd.concat([self.val, self.train[moves]], ignore_index=True)
        of_val = np.concatenate([self.val_names, self.train_names[moves]])
        groups = [
            {
                "name": name,
                "members": members,
                "is_held_out": name in names,
                "in_training": _count(self.train, (self.train_names == name) & ~is_withheld),
                "in_validation": _count(val, of_val == name),
                "moved_to_validation": int((moves & (self.train_names == name)).sum()),
                "set_aside": int((is_aside & (self.train_names == name)).sum()),
            }
            for name, members in self.members.items()
        ]
        return Partition(
            self.train[~is_withheld].reset_index(drop=True),
            val,
            _val_table(val, of_val, np.isin(of_val.astype(str), list(names))),
            {"by": self.by, "groups": groups},
        )


def name_holdout_groups(
    labelled: pd.DataFrame,
    params: HoldoutParams,
    *,
    features: NDArray[np.float32] | None = None,
    seed: int,
) -> pd.DataFrame:
    """Name the kind, source or cluster of each labelled image.

    Clusters follow from ``features``, ``(F, D)`` for the forgeries in their order, and ``seed``.
    ``HOLDOUT_COLUMNS`` has no row without ``params.by``.
    """
    is_fake = (labelled["target"] == FAKE).to_numpy(dtype=bool)
    if params.by is None:
        return pd.DataFrame(columns=list(HOLDOUT_COLUMNS)).astype(HOLDOUT_COLUMNS)
    names = labelled["source" if params.by == "source" else "kind"].to_numpy(dtype=object)
    if params.by != "source":
        names = np.where(is_fake, names, NO_GROUP)
    if params.by == "cluster":
        assert features is not None
        clusters = cluster_groups(
            labelled.loc[is_fake, "group"], features, num_clusters=params.num_clusters, seed=seed
        )
        names[is_fake] = [f"cluster_{number}" for number in clusters]
    return labelled[KEY].assign(by=params.by, holdout=names).astype(HOLDOUT_COLUMNS)


def cluster_groups(
    groups: pd.Series, features: NDArray[np.float32], *, num_clusters: int, seed: int
) -> Labels:
    """Sort images with ``features``, ``(N, D)``, into clusters by k-means, whole groups together.

    The centers come from a sample of at most 20,000; a group belongs to the cluster that most of
    its images are nearest to.

    Returns:
        ``(N,)``, numbered from 0, the cluster with most images first; fewer than ``num_clusters``
        where fewer images differ.
    """
    rng = np.random.default_rng(seed)
    sample = features[np.sort(rng.permutation(len(features))[:_FITTED])]
    count = min(num_clusters, len(np.unique(sample, axis=0)))
    with threadpool_limits(1):  # sums over threads are other sums for another number of cores
        model = KMeans(count, n_init=_STARTS, random_state=seed).fit(sample)
        nearest = pd.Series(model.predict(features), index=groups.index)
    votes = pd.crosstab(groups, nearest)
    labels = votes.columns.to_numpy()[votes.to_numpy().argmax(axis=1)]
    of_row = groups.map(dict(zip(votes.index, labels, strict=True))).to_numpy(np.int64)
    order = np.argsort(-np.bincount(of_row, minlength=count), kind="stable")
    return np.asarray(np.argsort(order)[of_row], np.int64)


def group_split(
    train: pd.DataFrame,
    val: pd.DataFrame,
    image_hashes: pd.DataFrame,
    holdout_groups: pd.DataFrame,
    params: HoldoutParams,
) -> GroupedSplit:
    """Give every row its hold-out group, and join the groups that are too small to be measured.

    A group is measured on its forgeries against the real images of validation; a source against
    its own real images. It is too small where, held out alone, fewer than ``min_images`` of a
    class would be there. All that are too small become one group; if that is still too small, the
    smallest of the others joins it.

    Raises:
        ManifestError: If the table is of other parameters or images, or fewer than two groups can
            be measured; names all with their counts.
    """
    names = _look_up(pd.concat([train, val], ignore_index=True), holdout_groups, str(params.by))
    train_names, val_names = names[: len(train)], names[len(train) :]
    hashes = train[KEY].merge(image_hashes, on=KEY, how="left", validate="one_to_one")
    clusters, _ = join_groups(train, hashes)
    can_move = _is_alone(train_names, clusters)
    measurable = pd.concat([train[can_move], val], ignore_index=True)
    of_row = np.concatenate([train_names[can_move], val_names])
    counts = _count_groups(measurable["target"].to_numpy(np.int64), of_row, str(params.by))
    members = _join_small(counts, params)
    new_name = {old: name for name, olds in members.items() for old in olds} | {NO_GROUP: NO_GROUP}
    return GroupedSplit(
        train=train,
        val=val,
        train_names=np.array([new_name[name] for name in train_names], dtype=object),
        val_names=np.array([new_name[name] for name in val_names], dtype=object),
        train_clusters=clusters,
        members=members,
        by=str(params.by),
    )


def choose_groups(names: Sequence[str], hold_out: int | tuple[str, ...], *, seed: int) -> list[str]:
    """Return the hold-out groups of ``names`` to hold out: those named, or so many drawn.

    Raises:
        ManifestError: If a name is not there, or no group would be left.
    """
    if isinstance(hold_out, int):
        if hold_out and hold_out >= len(names):
            raise ManifestError(
                f"splitting.holdout.hold_out={hold_out} leaves nothing to train on: there are "
                f"{len(names)} hold-out groups: {', '.join(names)}"
            )
        order = np.random.default_rng(seed).permutation(sorted(names))[:hold_out]
        return [name for name in names if name in set(order)]
    if unknown := sorted(set(hold_out) - set(names)):
        raise ManifestError(
            f"splitting.holdout.hold_out names {show_examples(unknown)}, and there is no such "
            f"group; there are: {', '.join(names)} (+ joins those that are too small alone)"
        )
    if len(hold_out) == len(names):
        raise ManifestError(
            f"splitting.holdout.hold_out names all {len(names)} hold-out groups; leave one to "
            "train on"
        )
    return [name for name in names if name in hold_out]


def without_groups(val: pd.DataFrame) -> pd.DataFrame:
    """Return ``VAL_HOLDOUT_COLUMNS`` for validation rows that belong to no group."""
    return _val_table(val, NO_GROUP, is_held_out=False)


def _val_table(val: pd.DataFrame, names: Any, is_held_out: Any) -> pd.DataFrame:
    table = val[KEY].assign(holdout=names, is_held_out=is_held_out)
    return table.astype(VAL_HOLDOUT_COLUMNS)


def _look_up(rows: pd.DataFrame, holdout_groups: pd.DataFrame, by: str) -> Names:
    wanted = holdout_groups[holdout_groups["by"] == by]
    remedy = "run the pipeline splitting from its first node, with the same parameters"
    found = look_up(rows, wanted, "holdout", what=f"hold-out group by {by}", remedy=remedy)
    names: Names = found["holdout"].astype(str).to_numpy(dtype=object)
    return names


def _is_alone(names: Names, clusters: Labels) -> NDArray[np.bool_]:
    """Say of each training row whether all that must stay with it belong to its group."""
    groups = pd.Series(names).groupby(clusters)
    alone: NDArray[np.bool_] = (groups.transform("nunique") == 1).to_numpy() & (names != NO_GROUP)
    return alone


def _count_groups(targets: Labels, names: Names, by: str) -> pd.DataFrame:
    """Count the images that each group would be measured on: by group, largest first."""
    table = pd.DataFrame({"name": names, "target": targets})
    counts = (
        table[table["name"] != NO_GROUP]
        .groupby("name")["target"]
        .agg(fake="sum", real=lambda column: int((column == REAL).sum()))
        .astype(np.int64)
    )
    if by != "source":
        counts["real"] = int((targets == REAL).sum())
    order = counts.reset_index().sort_values(["fake", "name"], ascending=[False, True])
    return order.set_index("name")


def _join_small(counts: pd.DataFrame, params: HoldoutParams) -> dict[str, list[str]]:
    least = counts.min(axis=1)
    joined = list(counts.index[least < params.min_images])
    large = [name for name in counts.index if name not in joined]
    described = "; ".join(
        f"{name}: {row.real:,} real, {row.fake:,} forged" for name, row in counts.iterrows()
    )
    while joined and large and _least_of(counts, joined, params) < params.min_images:
        joined.append(large.pop())
    members = {name: [name] for name in large} | ({_join_names(joined): joined} if joined else {})
    if len(members) < 2 or (joined and _least_of(counts, joined, params) < params.min_images):
        raise ManifestError(
            f"splitting.holdout.by={params.by} gives fewer than two groups that can be measured; a "
            f"group takes {params.min_images} images of each class to measure "
            f"(splitting.holdout.min_images): {described}"
        )
    if len(joined) > 1:
        logger.warning("hold-out groups too small to be measured are joined: %s", described)
    return members


def _least_of(counts: pd.DataFrame, names: list[str], params: HoldoutParams) -> int:
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
