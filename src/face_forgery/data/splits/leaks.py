"""What training and validation have in common, and the training rows to leave out for it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import ManifestError, show_examples, show_rows
from face_forgery.data.splits.duplicates import HashedPictures, Positions, near_identical_pairs

LEAK_COLUMNS = {
    "reason": "string",  # group, content or picture
    "train_position": "int64",  # in the training rows
    "val_position": "int64",  # a validation row that shares it
}
_REASONS = {
    "group": "belong to a group that validation has, too",
    "content": "are identical to a validation image",
    "picture": "are near-identical to a validation image",
}


def find_leaks(
    train: pd.DataFrame,
    val: pd.DataFrame,
    train_hashes: pd.DataFrame,
    val_hashes: pd.DataFrame,
    *,
    max_bits: int,
) -> pd.DataFrame:
    """List the training rows that share a group, a file or a picture with validation.

    Args:
        train: The columns of ``MANIFEST_COLUMNS``.
        val: The same.
        train_hashes: The columns of ``IMAGE_HASH_COLUMNS``, for the rows of ``train`` in order.
        val_hashes: The same for ``val``.
        max_bits: Largest Hamming distance of the hashes of near-identical pictures.

    Returns:
        The columns of ``LEAK_COLUMNS``. A row appears once for a reason; an identical file is not
        listed as a near-identical picture again.
    """
    group = _shared_values(train["group"], val["group"])
    content = _shared_values(train["sha256"], val["sha256"])
    picture = np.full(len(train), -1, np.int64)

    def is_found(_: Positions, right: Positions) -> NDArray[np.bool_]:
        return np.asarray((content[right] >= 0) | (picture[right] >= 0))

    queries, index = HashedPictures.of(val_hashes), HashedPictures.of(train_hashes)
    for left, right in near_identical_pairs(queries, index, max_bits=max_bits, skip=is_found):
        picture[right] = left
    found = {"group": group, "content": content, "picture": picture}
    return pd.concat([_list(reason, partners) for reason, partners in found.items()])


def refuse_leaks(leaks: pd.DataFrame, train: pd.DataFrame, val: pd.DataFrame) -> None:
    """Raise if anything leaks.

    Raises:
        ManifestError: For each reason the number of training rows and up to three pairs.
    """
    if leaks.empty:
        return
    faults = []
    for reason, rule in _REASONS.items():
        rows = leaks[leaks["reason"] == reason]
        if len(rows):
            faults.append(
                f"  {len(rows):,} {rule}: {show_examples(_pairs(rows.head(4), train, val))}"
            )
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


def _shared_values(train: pd.Series, val: pd.Series) -> Positions:
    """Return for each training value the first position that holds it in ``val``, or -1."""
    first = val.drop_duplicates()
    positions = pd.Series(np.arange(len(val)), dtype="int64")[(~val.duplicated()).to_numpy()]
    lookup = pd.Series(positions.to_numpy(), index=pd.Index(first))
    return train.map(lookup).fillna(-1).to_numpy(np.int64)


def _list(reason: str, partners: Positions) -> pd.DataFrame:
    positions = np.flatnonzero(partners >= 0)
    found = {
        "reason": reason,
        "train_position": positions,
        "val_position": partners[positions],
    }
    return pd.DataFrame(found, columns=list(LEAK_COLUMNS)).astype(LEAK_COLUMNS)


def _pairs(rows: pd.DataFrame, train: pd.DataFrame, val: pd.DataFrame) -> list[str]:
    return [
        f"{show_rows(train.iloc[[left]])} and {show_rows(val.iloc[[right]])}"
        for left, right in zip(rows["train_position"], rows["val_position"], strict=True)
    ]
