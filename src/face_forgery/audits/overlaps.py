"""Pictures that are there twice: across the split, under both labels, within a class."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.duplicates import HashedPictures, Positions, near_identical_pairs
from face_forgery.data.leaks import find_leaks
from face_forgery.data.manifest import KEY

_NUM_EXAMPLES = 5
_ACROSS = {
    "group": (
        "groups on both sides",
        "training pictures belong to a group that validation has, too",
    ),
    "content": ("identical files on both sides", "training files are in validation, too"),
    "picture": (
        "near-copies on both sides",
        "training pictures are near-copies of a validation picture",
    ),
}
_DROP = "Leave them out of training: splitting.leaks=drop_from_train."
_RELABEL = "Look at the pairs and correct the label files; one picture cannot be both."
_THIN_OUT = "Keep one of each, or give copies one group, so that they do not count as many."


def find_overlaps(
    train: pd.DataFrame, val: pd.DataFrame, image_hashes: pd.DataFrame, *, max_bits: int
) -> list[dict[str, Any]]:
    """Look for what training and validation share, and for copies among all of their pictures.

    Args:
        train: The columns of ``MANIFEST_COLUMNS``.
        val: The same.
        image_hashes: The columns of ``IMAGE_HASH_COLUMNS``; a row for each of their rows.
        max_bits: Largest Hamming distance of the hashes of near-copies.

    Returns:
        Six findings: ``name``, ``count`` (pictures concerned), ``of`` (pictures looked at),
        ``is_warning``, ``sentence``, ``remedy`` and ``examples`` (up to five pairs of names).
        Copies within a class are told, not warned about.
    """
    hashes = [side[KEY].merge(image_hashes, on=KEY, how="left") for side in (train, val)]
    leaks = find_leaks(train, val, *hashes, max_bits=max_bits)
    findings = []
    for reason, (name, words) in _ACROSS.items():
        rows = leaks[leaks["reason"] == reason]
        pairs = [
            (train["path"].iloc[left], val["path"].iloc[right])
            for left, right in zip(rows["train_position"], rows["val_position"], strict=True)
        ]
        findings.append(_describe(name, len(rows), len(train), words, _DROP, pairs))
    whole = pd.concat([train, val], ignore_index=True)
    copies = _find_copies(whole, pd.concat(hashes, ignore_index=True), max_bits=max_bits)
    for is_conflict, name, words, remedy in (
        (True, "copies under both labels", "pictures have a copy with the other label", _RELABEL),
        (False, "copies within a class", "pictures have a copy with the same label", _THIN_OUT),
    ):
        partner = copies[is_conflict]
        found = np.flatnonzero(partner >= 0)
        pairs = [(whole["path"].iloc[at], whole["path"].iloc[partner[at]]) for at in found]
        finding = _describe(name, len(found), len(whole), words, remedy, pairs)
        findings.append(finding | {"is_warning": finding["is_warning"] and is_conflict})
    return findings


def _find_copies(
    whole: pd.DataFrame, hashes: pd.DataFrame, *, max_bits: int
) -> dict[bool, Positions]:
    """Return, for copies with the other label (True) and the same, a partner of each row or -1."""
    targets = whole["target"].to_numpy(dtype=np.int64)
    partners = {True: np.full(len(whole), -1, np.int64), False: np.full(len(whole), -1, np.int64)}

    def is_known(left: Positions, right: Positions) -> NDArray[np.bool_]:
        conflict = targets[left] != targets[right]
        known = np.where(
            conflict,
            (partners[True][left] >= 0) & (partners[True][right] >= 0),
            (partners[False][left] >= 0) & (partners[False][right] >= 0),
        )
        return np.asarray(known | (left == right))

    pictures = HashedPictures.of(hashes)
    for left, right in near_identical_pairs(pictures, None, max_bits=max_bits, skip=is_known):
        conflict = targets[left] != targets[right]
        for is_conflict, partner in partners.items():
            some = conflict == is_conflict
            partner[left[some]] = right[some]
            partner[right[some]] = left[some]
    return partners


def _describe(
    name: str, count: int, total: int, words: str, remedy: str, pairs: list[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "name": name,
        "count": count,
        "of": total,
        "is_warning": count > 0,
        "sentence": f"{count:,} of {total:,} {words}.",
        "remedy": remedy if count else None,
        "examples": [list(pair) for pair in pairs[:_NUM_EXAMPLES]],
    }
