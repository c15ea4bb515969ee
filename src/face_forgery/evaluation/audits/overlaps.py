"""Images that are there twice: across the split, under both labels, within a class."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.labels.manifest import KEY
from face_forgery.data.splits.groups import find_leaks
from face_forgery.data.splits.near_duplicates import HashedImages, Positions, near_identical_pairs

_NUM_EXAMPLES = 5
_ACROSS = {
    "group": (
        "groups on both sides",
        "training images belong to a group that validation has, too",
    ),
    "content": ("identical files on both sides", "training files are in validation, too"),
    "near_copy": (
        "near-copies on both sides",
        "training images are near-copies of a validation image",
    ),
}
_DROP = "Leave them out of training: splitting.leaks=drop_from_train."
_WITHIN = {
    "copies under both labels": (
        "images have an identical file, or a near-copy in another group, with the other label",
        "Look at the pairs and correct the label files; one image cannot be both.",
    ),
    "forgeries beside their originals": (
        "images have a near-copy with the other label in their own group, as a forgery has that "
        "changes little",
        None,
    ),
    "copies within a class": ("images have a copy with the same label", None),
}


def find_overlaps(
    train: pd.DataFrame, val: pd.DataFrame, image_hashes: pd.DataFrame
) -> list[dict[str, Any]]:
    """Look for images that training and validation have in common, and for copies among all.

    ``train`` and ``val`` are manifests; ``image_hashes`` has a row for each of their rows.

    Returns:
        Six findings: ``name``, ``count`` (images concerned), ``of`` (images looked at),
        ``is_warning``, ``sentence``, ``remedy`` and ``examples`` (up to five pairs of names).
        Copies within a class and forgeries beside their originals are never warned about.
    """
    hashes = [side[KEY].merge(image_hashes, on=KEY, how="left") for side in (train, val)]
    leaks = find_leaks(train, val, *hashes)
    findings = []
    for reason, (name, words) in _ACROSS.items():
        rows = leaks[leaks["reason"] == reason]
        sides = train["path"].iloc[rows["train_position"]], val["path"].iloc[rows["val_position"]]
        pairs = list(zip(*sides, strict=True))
        findings.append(_describe(name, len(train), words, _DROP, pairs))
    whole = pd.concat([train, val], ignore_index=True)
    copies = _find_copies(whole, pd.concat(hashes, ignore_index=True))
    for (name, (words, remedy)), partner in zip(_WITHIN.items(), copies, strict=True):
        found = np.flatnonzero(partner >= 0)
        sides = whole["path"].iloc[found], whole["path"].iloc[partner[found]]
        pairs = list(zip(*sides, strict=True))
        findings.append(_describe(name, len(whole), words, remedy, pairs))
    return findings


def describe_removed(split_report: dict[str, Any]) -> dict[str, Any]:
    """Say what splitting has already done about leaks, as a finding that is no warning."""
    if "leaks" in split_report:
        leaks = split_report["leaks"]
        counts = {name.replace("_", " "): n for name, n in leaks["by_reason"].items() if n}
        reasons = [f"{n:,} by {name}" for name, n in counts.items()]
        pairs = [(row["train_image"], row["val_image"]) for row in leaks["rows"]]
        count = leaks["train_rows"]
        sentence = f"{count:,} training images leaked into validation and were left out"
        sentence += f" ({', '.join(reasons)})." if reasons else "."
    else:
        groups = split_report["groups"]
        count = groups["near_identical_pairs_that_joined"]
        pairs = []
        sentence = f"{count:,} pairs of near-copies were kept on one side together."
    total = split_report["train"]["images"] + split_report["val"]["images"]
    finding = _describe("leaks that splitting dealt with", total, "", None, pairs)
    return finding | {"count": count, "sentence": sentence}


def _find_copies(whole: pd.DataFrame, hashes: pd.DataFrame) -> NDArray[np.int64]:
    """Return for each line of ``_WITHIN`` a partner of each row, or -1: ``(3, N)``."""
    targets = whole["target"].to_numpy(dtype=np.int64)
    groups, files = (pd.factorize(whole[column])[0] for column in ("group", "sha256"))
    partners = np.full((len(_WITHIN), len(whole)), -1, np.int64)

    def sort(left: Positions, right: Positions) -> NDArray[np.int64]:
        is_excused = (groups[left] == groups[right]) & (files[left] != files[right])
        return np.where(targets[left] == targets[right], 2, np.where(is_excused, 1, 0))

    def is_known(left: Positions, right: Positions) -> NDArray[np.bool_]:
        kind = sort(left, right)
        is_found = (partners[kind, left] >= 0) & (partners[kind, right] >= 0)
        return np.asarray((left == right) | is_found)

    for left, right in near_identical_pairs(HashedImages.of(hashes), None, skip=is_known):
        kind = sort(left, right)
        partners[kind, left] = right
        partners[kind, right] = left
    return partners


def _describe(
    name: str, total: int, words: str, remedy: str | None, pairs: list[tuple[str, str]]
) -> dict[str, Any]:
    """A finding; one without a remedy is no warning."""
    return {
        "name": name,
        "count": len(pairs),
        "of": total,
        "is_warning": bool(pairs) and remedy is not None,
        "sentence": f"{len(pairs):,} of {total:,} {words}.",
        "remedy": remedy if pairs else None,
        "examples": [list(pair) for pair in pairs[:_NUM_EXAMPLES]],
    }
