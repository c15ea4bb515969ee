"""Images that a detector has seen: what a test set has in common with training and validation."""

import logging
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from face_forgery.data.labels.manifest import KEY, ManifestError, fingerprint_sets, show_examples
from face_forgery.data.splits.groups import find_leaks, show_pairs

logger = logging.getLogger(__name__)

_REASONS = {
    "content": "have the bytes of an image that the detector was made with",
    "near_copy": "are near-copies of one",
}


def join_own_images(
    train: pd.DataFrame | None,
    val: pd.DataFrame | None,
    image_hashes: pd.DataFrame | None,
    *,
    fingerprint: str,
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the images that a detector was trained and selected with, and their hashes.

    None where one of the tables is not there, or the manifests are not those of its data
    ``fingerprint``.
    """
    if train is None or val is None or image_hashes is None:
        return None
    if fingerprint_sets(train=train, val=val) != fingerprint:
        return None
    return pd.concat([train, val], ignore_index=True), image_hashes


def report_unchecked(tested: pd.DataFrame) -> dict[str, Any]:
    """Return the report of `leave_out_seen` where the detector's own images are not at hand."""
    logger.warning(
        "the images that the detector was made with are not at hand (train_manifest, "
        "val_manifest, image_hashes): whether the sets overlap with them is not checked"
    )
    shared = _find_shared(tested)
    return {"is_checked": False, "num_images": 0, "by_set": {}, "between_sets": shared}


def leave_out_seen(
    tested: pd.DataFrame,
    tested_hashes: pd.DataFrame,
    own: pd.DataFrame,
    own_hashes: pd.DataFrame,
    *,
    leaks: Literal["refuse", "drop_from_train"],
    unasked: str | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows of a test manifest that the detector has not seen, and a report.

    Seen is what has the same bytes as one of its ``own`` images, or is a near-copy of one. With
    ``refuse`` there may be none, except in the set ``unasked``, which nobody named for a test; else
    they are left out of it. Groups are not compared: names of two sets have nothing to do with each
    other. Hashes are ``IMAGE_HASH_COLUMNS`` of each manifest, in any order.

    Returns:
        And ``is_checked``, ``num_images`` that were seen, ``by_reason``, ``by_set``,
        ``between_sets`` (pairs of sets with images of the same bytes, which a mean over sets counts
        twice).

    Raises:
        ManifestError: If images were seen that may not be, or all of a set that was asked for.
    """
    hashes = [
        rows[KEY].merge(table, on=KEY, how="left")
        for rows, table in ((tested, tested_hashes), (own, own_hashes))
    ]
    found = find_leaks(tested, own, *hashes)
    found = found[found["reason"].isin(list(_REASONS))].drop_duplicates("train_position")
    is_asked = tested["subset"].to_numpy(dtype=object) != unasked
    seen = found["train_position"].to_numpy()
    counts = found["reason"].value_counts()
    by_reason = {reason: int(counts.get(reason, 0)) for reason in _REASONS}
    by_set = tested["subset"].iloc[seen].value_counts(sort=False)
    report = {
        "is_checked": True,
        "num_images": len(seen),
        "by_reason": by_reason,
        "by_set": {str(name): int(number) for name, number in by_set.items()},
        "between_sets": _find_shared(tested),
    }
    if not len(seen):
        return tested, report
    shown = ", ".join(f"{n:,} {_REASONS[reason]}" for reason, n in by_reason.items() if n)
    first = found.head(4)
    pairs = show_pairs(tested, first["train_position"], own, first["val_position"])
    told = f"{len(seen):,} of {len(tested):,} images of the sets were seen: {shown}: "
    told += show_examples(pairs)
    if leaks == "refuse" and is_asked[seen].any():
        raise ManifestError(
            f"{told}. On them the detector looks better than it is: correct the label files, or "
            "leave these images out of the test with splitting.leaks=drop_from_train"
        )
    logger.warning("%s. They are left out of the test", told)
    kept = tested[~np.isin(np.arange(len(tested)), seen)].reset_index(drop=True)
    if gone := sorted(set(tested["subset"][is_asked]) - set(kept["subset"])):
        raise ManifestError(
            f"the detector has seen every image of {len(gone)} set(s): {show_examples(gone)}; name "
            "other sets in testing.sets"
        )
    return kept, report


def _find_shared(tested: pd.DataFrame) -> list[dict[str, Any]]:
    contents = {str(name): set(rows) for name, rows in tested.groupby("subset")["sha256"]}
    shared = [
        {"sets": [one, other], "num_images": len(contents[one] & contents[other])}
        for one, other in combinations(contents, 2)
    ]
    return [pair for pair in shared if pair["num_images"]]
