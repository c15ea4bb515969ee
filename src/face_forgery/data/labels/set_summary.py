"""What is in a data set: counts, sizes, formats, duplicates, as plain numbers for a report."""

import logging
from itertools import combinations
from typing import Any

import pandas as pd

from face_forgery.data.labels.manifest import FAKE, REAL, SUBSETS

logger = logging.getLogger(__name__)

_MOST_COMMON = 5
# An image that is neither small nor square shows more than a face: crops are nearly square.
_SHORTER_SIDE = 480
_LONGER_BY = 1.25
CLASS_NAMES = {REAL: "real", FAKE: "fake"}


def class_names(manifest: pd.DataFrame) -> pd.Series:
    """Return ``real``, ``fake`` or ``unlabelled`` for each row."""
    return manifest["target"].map(CLASS_NAMES).astype("string").fillna("unlabelled")


def count_values(values: pd.Series, *, at_most: int | None = None) -> dict[str, int]:
    """Return how often each value occurs, the most frequent first, ties by name."""
    counts = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return {str(name): int(n) for name, n in counts.head(at_most or len(counts)).items()}


def describe_manifest(manifest: pd.DataFrame, rejected: pd.DataFrame) -> dict[str, Any]:
    """Summarize a manifest, subset by subset and class by class, as values that JSON can hold.

    Formats and sizes are told for each class on its own: where they differ, a network can learn
    them in place of the forgery.
    """
    subsets = {}
    for subset in SUBSETS:
        rows, bad = manifest[manifest["subset"] == subset], rejected[rejected["subset"] == subset]
        if len(rows) or len(bad):
            subsets[subset] = {**_describe_subset(rows), "rejected": count_values(bad["status"])}
    return {
        "images": len(manifest),
        "rejected": len(rejected),
        "subsets": subsets,
        "duplicates": _describe_duplicates(manifest),
    }


def warn_of_photographs(manifest: pd.DataFrame) -> None:
    """Warn where images that are taken whole look like whole photographs, and not like faces."""
    sides = manifest[["width", "height"]]
    shorter, longer = sides.min(axis=1), sides.max(axis=1)
    is_large = (shorter >= _SHORTER_SIDE) & (longer >= _LONGER_BY * shorter)
    if is_large.mean() > 0.5:
        first = sides[is_large].iloc[0]
        logger.warning(
            "%s of %s images, such as one of %s x %s pixels, look like whole photographs, and are "
            "taken whole: a network then sees little of the faces. faces.detector cuts them out; "
            "its file, face_detection_yunet_2023mar.onnx, is in OpenCV's model zoo, "
            "https://github.com/opencv/opencv_zoo (docs/faces.md)",
            f"{int(is_large.sum()):,}",
            f"{len(manifest):,}",
            first["width"],
            first["height"],
        )


def _describe_subset(rows: pd.DataFrame) -> dict[str, Any]:
    by_class = dict(list(rows.groupby(class_names(rows))))  # in the order of the names
    group_sizes = rows["group"].value_counts()
    return {
        "images": len(rows),
        "classes": {name: _describe_files(files) for name, files in by_class.items()},
        "kinds": count_values(rows["kind"]),
        "sources": count_values(rows["source"]),
        "kinds_by_class": {name: count_values(files["kind"]) for name, files in by_class.items()},
        "groups": {
            "number": len(group_sizes),
            "with_several_images": int((group_sizes > 1).sum()),
            "largest": int(group_sizes.max()) if len(group_sizes) else 0,
        },
    }


def _describe_files(rows: pd.DataFrame) -> dict[str, Any]:
    sizes = rows["width"].astype("string") + "x" + rows["height"].astype("string")
    return {
        "images": len(rows),
        "formats": count_values(rows["format"]),
        "width": _spread(rows["width"]),
        "height": _spread(rows["height"]),
        "num_bytes": _spread(rows["num_bytes"]) | {"total": int(rows["num_bytes"].sum())},
        "most_common_sizes": count_values(sizes, at_most=_MOST_COMMON),
    }


def _describe_duplicates(manifest: pd.DataFrame) -> dict[str, Any]:
    contents = {s: manifest.loc[manifest["subset"] == s, "sha256"] for s in SUBSETS}
    within = {
        subset: {
            "contents": int(hashes[hashes.duplicated()].nunique()),
            "extra_images": int(hashes.duplicated().sum()),
        }
        for subset, hashes in contents.items()
        if len(hashes)
    }
    between = {
        f"{a}-{b}": len(set(contents[a]) & set(contents[b]))
        for a, b in combinations(SUBSETS, 2)
        if len(contents[a]) and len(contents[b])
    }
    classes = manifest[manifest["target"].notna()].groupby("sha256")["target"].nunique()
    return {
        "within_subsets": within,
        "contents_between_subsets": between,
        "contents_between_classes": int((classes > 1).sum()),
    }


def _spread(values: pd.Series) -> dict[str, Any]:
    return {
        "min": int(values.min()),
        "median": float(values.median()),
        "max": int(values.max()),
    }
