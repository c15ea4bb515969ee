"""Where a detector is good and where it is not: AUC by kind, source and facts of the images."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.evaluation.metrics.bootstrap import UNMEASURED, Bootstrap, measure_auc
from face_forgery.evaluation.metrics.weighted import Groups, Scores, Targets, check_values
from face_forgery.evaluation.operating_points import measure_thresholds

SMALL_CELL = 20
"""A cell with fewer images of a class is marked: its AUC says little."""

_SIDES = (64, 128, 256, 512, 1024)  # pixels; where bands of the shorter side begin
_QUALITIES = (50, 70, 80, 90, 95)
_GROUP_SIZES = (2, 5, 20)
TITLES = {
    "kind": "By kind of forgery, against all real images",
    "source": "By source, against its own real images",
    "group_size": "By size of the group an image belongs to",
    "image_size": "By shorter side in pixels",
    "format": "By file format",
    "jpeg_quality": "By JPEG quality of the file",
}


def break_down(
    scores: Scores,
    targets: Targets,
    groups: Groups,
    facts: pd.DataFrame,
    bootstrap: Bootstrap,
    *,
    further: Sequence[str] = (),
    thresholds: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Measure the AUC with its interval on parts of the images; one class may be missing.

    ``facts`` has N rows with ``kind`` and ``source``, the columns ``further``, and where they are
    of image files ``width``, ``height``, ``format`` and ``jpeg_quality``, which may be missing.

    Returns:
        Tables ``{"key", "title", "cells": [cell, ...]}`` in the order of ``TITLES``, those of
        ``further`` columns last; a cell is ``{"name", "num_real", "num_fake", "auc": {"value",
        "low", "high"}, "is_small", "note"}``, and with ``thresholds`` ``fpr``, ``tpr`` and ``fnr``
        as of `measure_thresholds`.
        Each kind's forgeries are compared with all real images, all other cells have their own.
        Kinds, sources and formats come largest first, bands ascending. Where one class is missing,
        the AUC is None and the note says so.
    """
    scores, targets = check_values(scores, targets)
    real = targets == 0

    def measure(name: str, chosen: NDArray[np.bool_]) -> dict[str, Any]:
        part = scores[chosen], targets[chosen], groups[chosen]
        cell = _measure_cell(name, *part, bootstrap)
        if thresholds is None:
            return cell
        rates = measure_thresholds(*part, thresholds, confidence=bootstrap.confidence)
        return cell | {rate: rates[rate] for rate in ("fpr", "tpr", "fnr")}

    tables = {}
    is_of_files = "format" in facts
    kinds = facts["kind"].to_numpy()
    tables["kind"] = [measure(name, real | (kinds == name)) for name in _names(kinds[~real])]
    for key in ("source", *(["format"] if is_of_files else []), *further):
        values = facts[key].to_numpy()
        tables[key] = [measure(name, np.asarray(values == name)) for name in _names(values)]
    for key, bands in _band_facts(facts, groups).items() if is_of_files else ():
        present = (name for name in bands.categories if (bands == name).any())
        tables[key] = [measure(str(name), np.asarray(bands == name)) for name in present]
    titles = TITLES | {key: f"By {key}, against its own real images" for key in further}
    return [
        {"key": key, "title": title, "cells": tables[key]}
        for key, title in titles.items()
        if key in tables
    ]


def _band_facts(facts: pd.DataFrame, groups: Groups) -> dict[str, pd.Categorical]:
    sizes = pd.Series(groups).groupby(groups).transform("size").to_numpy(dtype=np.float64)
    side = facts[["width", "height"]].min(axis=1).to_numpy(dtype=np.float64, na_value=np.nan)
    quality = facts["jpeg_quality"].to_numpy(dtype=np.float64, na_value=np.nan)
    return {
        "group_size": _band(sizes, (1, *_GROUP_SIZES), "unknown"),
        "image_size": _band(side, (0, *_SIDES), "unknown"),
        "jpeg_quality": _band(quality, (0, *_QUALITIES), "no JPEG, or unknown"),
    }


def _band(values: NDArray[np.float64], starts: tuple[int, ...], missing: str) -> pd.Categorical:
    """Name the band ``[start, next start)`` of each value."""
    names = [
        str(start) if stop == start + 1 else f"{start} to {stop - 1}"
        for start, stop in itertools.pairwise(starts)
    ]
    names.append(f"{starts[-1]} and more")
    bands = pd.cut(values, [*starts, np.inf], right=False, labels=names)
    return bands.add_categories([missing]).fillna(missing)


def _names(values: NDArray[np.generic]) -> list[str]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return [str(names[i]) for i in np.argsort(-counts, kind="stable")]


def _measure_cell(
    name: str, scores: Scores, targets: Targets, groups: Groups, bootstrap: Bootstrap
) -> dict[str, Any]:
    num_fake = int(targets.sum())
    num_real = len(targets) - num_fake
    cell: dict[str, Any] = {"name": name, "num_real": num_real, "num_fake": num_fake}
    if not num_real or not num_fake:
        missing = "real" if not num_real else "forged"
        return cell | {
            "auc": UNMEASURED,
            "is_small": True,
            "note": f"no {missing} images, nothing to compare with",
        }
    is_small = min(num_real, num_fake) < SMALL_CELL
    note = f"fewer than {SMALL_CELL} images of a class" if is_small else None
    auc = measure_auc(scores, targets, groups, bootstrap)
    return cell | {"auc": auc, "is_small": is_small, "note": note}
