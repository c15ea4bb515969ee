"""What must stay on one side of a split: rows joined by what they share, and leaks."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from face_forgery.data.labels.manifest import ManifestError, show_examples, show_rows
from face_forgery.data.splits.near_duplicates import HashedImages, Positions, near_identical_pairs

LEAK_COLUMNS = {
    "reason": "string",  # group, content or near_copy
    "train_position": "int64",  # in the training rows
    "val_position": "int64",  # a validation row that shares it
}
_REASONS = {
    "group": "belong to a group that validation has, too",
    "content": "are identical to a validation image",
    "near_copy": "are near-identical to a validation image",
}
_NO_PAIRS = np.empty((0, 2), np.int64)

Labels = NDArray[np.int64]


def connect(*names: pd.Series) -> Labels:
    """Number the clusters ``(N,)`` of rows that share a value in any of the columns, from 0.

    A missing value connects nothing.
    """
    num_rows = len(names[0])
    labels = np.arange(num_rows)
    for column in names:
        codes = pd.factorize(column)[0]
        named = np.flatnonzero(codes >= 0)
        num_nodes = num_rows + len(named)
        labels = _components(labels[named], num_rows + codes[named], num_nodes)[labels]
    return pd.factorize(labels)[0].astype(np.int64)


def join_groups(manifest: pd.DataFrame, image_hashes: pd.DataFrame) -> tuple[Labels, Positions]:
    """Join rows of one group, of one content, and of near-identical images into clusters.

    Returns:
        ``(N,)`` cluster of each row, from 0; and ``(P, 2)`` sorted positions of near-identical
        images that joined clusters which group and content had left apart.
    """
    labels = connect(manifest["group"], manifest["sha256"])
    images = HashedImages.of(image_hashes)
    joined: list[Positions] = []
    pairs = near_identical_pairs(images, None, skip=lambda a, b: np.asarray(labels[a] == labels[b]))
    for left, right in pairs:
        if len(left):
            joined.append(np.sort(np.stack([left, right], axis=1), axis=1))
            labels = _components(labels[left], labels[right], int(labels.max()) + 1)[labels]
    return labels, np.unique(np.concatenate([_NO_PAIRS, *joined]), axis=0)


def find_leaks(
    train: pd.DataFrame, val: pd.DataFrame, train_hashes: pd.DataFrame, val_hashes: pd.DataFrame
) -> pd.DataFrame:
    """List the training rows that share a group, a file or a near-identical image with validation.

    A row of ``LEAK_COLUMNS`` appears once for a reason; an identical file is not listed as a
    near-identical image again.
    """
    group = _shared_values(train["group"], val["group"])
    content = _shared_values(train["sha256"], val["sha256"])
    near_copy = np.full(len(train), -1, np.int64)

    def is_found(_: Positions, right: Positions) -> NDArray[np.bool_]:
        return np.asarray((content[right] >= 0) | (near_copy[right] >= 0))

    queries, index = HashedImages.of(val_hashes), HashedImages.of(train_hashes)
    for left, right in near_identical_pairs(queries, index, skip=is_found):
        near_copy[right] = left
    tables = []
    for reason, partners in (("group", group), ("content", content), ("near_copy", near_copy)):
        rows = np.flatnonzero(partners >= 0)
        found = {"reason": reason, "train_position": rows, "val_position": partners[rows]}
        tables.append(pd.DataFrame(found, columns=list(LEAK_COLUMNS)).astype(LEAK_COLUMNS))
    return pd.concat(tables)


def refuse_leaks(leaks: pd.DataFrame, train: pd.DataFrame, val: pd.DataFrame) -> None:
    """Raise if anything leaks.

    Raises:
        ManifestError: For each reason the number of training rows and up to three pairs.
    """
    if leaks.empty:
        return
    faults = []
    for reason, rows in leaks.groupby("reason", sort=False):
        first = rows.head(4)
        pairs = show_pairs(train, first["train_position"], val, first["val_position"])
        faults.append(f"  {len(rows):,} {_REASONS[str(reason)]}: {show_examples(pairs)}")
    num_rows = leaks["train_position"].nunique()
    raise ManifestError(
        f"{num_rows:,} of {len(train):,} training rows leak into validation, whose scores would be "
        "too good:\n" + "\n".join(faults) + "\nCorrect the label files, or leave these training "
        "rows out with splitting.leaks=drop_from_train."
    )


def describe_leaks(leaks: pd.DataFrame, train: pd.DataFrame, val: pd.DataFrame) -> dict[str, Any]:
    """Count leaks by reason and list every training row concerned with its partner."""
    first = leaks.drop_duplicates("train_position").sort_values("train_position")
    listed = zip(
        train["row"].iloc[first["train_position"]],
        train["img_name"].iloc[first["train_position"]],
        val["img_name"].iloc[first["val_position"]],
        first["reason"],
        strict=True,
    )
    return {
        "train_rows": len(first),
        "by_reason": {reason: int((leaks["reason"] == reason).sum()) for reason in _REASONS},
        "rows": [
            {"train_row": row, "train_image": name, "val_image": partner, "reason": reason}
            for row, name, partner, reason in listed
        ],
    }


def show_pairs(
    first: pd.DataFrame, left: Iterable[int], second: pd.DataFrame, right: Iterable[int]
) -> list[str]:
    """Name rows of two manifests, pair by pair, for a message or a report."""
    return [
        f"{show_rows(first.iloc[[a]])} and {show_rows(second.iloc[[b]])}"
        for a, b in zip(left, right, strict=True)
    ]


def _components(left: Labels, right: Labels, num_nodes: int) -> Labels:
    """Number the connected components of a graph of ``num_nodes`` with edges left to right."""
    ones = np.ones(len(left), dtype=bool)
    graph = coo_array((ones, (left, right)), shape=(num_nodes, num_nodes))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _shared_values(train: pd.Series, val: pd.Series) -> Positions:
    """Return for each training value the first position that holds it in ``val``, or -1."""
    first = pd.Series(np.arange(len(val)), index=pd.Index(val))
    first = first[~first.index.duplicated()]
    return train.map(first).fillna(-1).to_numpy(np.int64)
