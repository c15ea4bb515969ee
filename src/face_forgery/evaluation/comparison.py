"""Detectors side by side on the same images: scores brought together, paired intervals, DeLong."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from face_forgery.evaluation.metrics.bootstrap import Bootstrap, resample, take_interval
from face_forgery.evaluation.metrics.weighted import (
    PARTIAL_FPR,
    Floats,
    Groups,
    Scores,
    Targets,
    WeightedScores,
    check_scores,
)

_SCORE_OF = "score of "
MEASURES = ("auc", "partial_auc_fpr_1e-1", "tpr_at_fpr_1e-2")


class ScoreError(ValueError):
    """Score tables that cannot be compared; the message says which, how many rows, and why."""


def align_scores(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row an image, with the score of every detector.

    ``tables`` have by name ``path`` or ``img_name``, ``target`` (0, 1), ``y_pred`` and, where
    known, ``group``. Images are matched by ``path`` where all have it, else by ``img_name``.

    Returns:
        Columns ``image``, ``target``, ``group`` (the image itself where no table has one) and
        one of scores for each name, prefixed with ``score of``; in the order of the first table.

    Raises:
        ScoreError: If fewer than two tables are given, a column is missing, an image is there
            twice or not in all tables, a target is not 0 or 1, a score no number in [0, 1], or two
            tables disagree on a target.
    """
    if len(tables) < 2:
        raise ScoreError(
            f"comparison.scores names {len(tables)} score table(s), at least two are needed: "
            "comparison.scores.NAME=FILE,comparison.scores.OTHER=FILE"
        )
    key = "path" if all("path" in table for table in tables.values()) else "img_name"
    merged: pd.DataFrame | None = None
    for name, table in tables.items():
        _check_table(name, table, key)
        part = table.set_index(key)
        if merged is None:
            groups = part["group"] if "group" in part else part.index.to_series()
            merged = pd.DataFrame({"target": part["target"].astype("int64"), "group": groups})
        absent = merged.index.symmetric_difference(part.index)
        if len(absent):
            raise ScoreError(
                f"{name}: {len(absent):,} images are not in both this table and "
                f"{next(iter(tables))}, such as {absent[0]}; score the same images with both"
            )
        part = part.loc[merged.index]
        wrong = part["target"].astype("int64") != merged["target"]
        if wrong.any():
            raise ScoreError(
                f"{name}: {int(wrong.sum()):,} of {len(part):,} targets differ from those of "
                f"{next(iter(tables))}, such as that of {part.index[wrong][0]}"
            )
        merged[f"{_SCORE_OF}{name}"] = part["y_pred"].astype("float64")
    assert merged is not None
    return merged.rename_axis("image").reset_index()


def scores_by_name(aligned: pd.DataFrame) -> dict[str, Floats]:
    """Return the scores ``(N,)`` of each detector in a table of `align_scores`."""
    return {
        column.removeprefix(_SCORE_OF): aligned[column].to_numpy(dtype=np.float64)
        for column in aligned.columns
        if column.startswith(_SCORE_OF)
    }


def _check_table(name: str, table: pd.DataFrame, key: str) -> None:
    missing = [column for column in (key, "target", "y_pred") if column not in table]
    if missing:
        raise ScoreError(
            f"{name}: there is no column {', '.join(missing)}; there are {list(table.columns)}"
        )
    if twice := int(table[key].duplicated().sum()):
        raise ScoreError(f"{name}: {twice:,} images are there more than once (column {key})")
    if table.empty:
        raise ScoreError(f"{name}: the table has a header and no row")
    if unknown := int(table["target"].isna().sum()):
        raise ScoreError(f"{name}: {unknown:,} of {len(table):,} rows have no target")
    if nameless := int(table[key].isna().sum()):
        raise ScoreError(f"{name}: {nameless:,} of {len(table):,} rows have no {key}")
    targets, scores = (pd.to_numeric(table[one], errors="coerce") for one in ("target", "y_pred"))
    faults = {
        "targets are not 0 (real) or 1 (fake)": ~targets.isin([0, 1]),
        "scores are no number in [0, 1]": ~scores.between(0.0, 1.0),
    }
    for fault, bad in faults.items():
        if bad.any():
            raise ScoreError(
                f"{name}: {int(bad.sum()):,} of {len(table):,} {fault}, such as that of "
                f"{table.loc[bad, key].iloc[0]}; write the table again with the detector's scores"
            )


def compare_detectors(
    scores: Mapping[str, Scores],
    targets: Targets,
    groups: Groups,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure detectors on the same images, and the difference of each two.

    All share their resamples, so a difference is that of paired measurements. ``scores`` are by
    name.

    Returns:
        ``detectors``: name -> measure -> ``{"value", "low", "high"}``, for ``MEASURES``.
        ``pairs``: for each two, ``first``, ``second``, the differences by measure (first less
        second) with their intervals, and ``delong`` with ``z`` and ``p_value`` of the AUC, which
        counts images as independent (``z`` is None where the difference has no variance).
    """
    measures = [partial(_measure, WeightedScores(one, targets)) for one in scores.values()]
    drawn = resample(measures, targets, groups, bootstrap)
    everything = np.ones(len(targets))
    values = {name: measure(everything) for name, measure in zip(scores, measures, strict=True)}
    resampled = {name: drawn[:, at] for at, name in enumerate(scores)}

    def intervals(value: Floats, drawn: Floats) -> dict[str, Any]:
        return {
            measure: take_interval(value[at], drawn[:, at], confidence=bootstrap.confidence)
            for at, measure in enumerate(MEASURES)
        }

    pairs = []
    for first, second in combinations(scores, 2):
        z, p_value = delong_test(scores[first], scores[second], targets)
        pairs.append(
            {
                "first": first,
                "second": second,
                **intervals(values[first] - values[second], resampled[first] - resampled[second]),
                "delong": {"z": z if np.isfinite(z) else None, "p_value": p_value},
            }
        )
    return {
        **asdict(bootstrap),
        "num_real": int((targets == 0).sum()),
        "num_fake": int((targets == 1).sum()),
        "detectors": {name: intervals(values[name], resampled[name]) for name in scores},
        "pairs": pairs,
    }


def _measure(ranked: WeightedScores, weights: Floats) -> Floats:
    counts = ranked.count(weights[ranked.order])
    tpr = float(counts.tpr_at_fpr(np.array([1e-2]))[0])
    return np.array([counts.auc(), counts.partial_auc(PARTIAL_FPR), tpr])


def delong_test(first: Scores, second: Scores, targets: Targets) -> tuple[float, float]:
    """Test whether two detectors have the same AUC on the same images, without resampling.

    Images count as independent: where they come in groups, trust the bootstrap by group.

    Sources: DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44); the computation by midranks in
    O(N log N) is that of Sun and Xu 2014 (IEEE Signal Processing Letters 21).

    Returns:
        ``z`` of the first AUC less the second, and the two-sided p-value. Where the difference has
        no variance, z is 0 or infinite: the two rank every pair alike, or differ by the same in
        every image.

    Raises:
        ValueError: If the arrays do not fit together or a class has fewer than two images.
    """
    auc_first, fakes_first, reals_first = _placements(first, targets)
    auc_second, fakes_second, reals_second = _placements(second, targets)
    variance = _variance(fakes_first - fakes_second) + _variance(reals_first - reals_second)
    difference = auc_first - auc_second
    if variance == 0:
        return (float(np.sign(difference) * np.inf), 0.0) if difference else (0.0, 1.0)
    z = difference / float(np.sqrt(variance))
    return z, float(2 * norm.sf(abs(z)))


def _placements(scores: Scores, targets: Targets) -> tuple[float, Floats, Floats]:
    """AUC, and for each forgery and each real image the proportion of the other class it beats."""
    scores, targets = check_scores(scores, targets)
    fakes, reals = scores[targets == 1], scores[targets == 0]
    if min(len(fakes), len(reals)) < 2:
        raise ValueError(
            f"{len(fakes)} forged and {len(reals)} real images; a variance needs two of each"
        )
    among_all = rankdata(np.concatenate([fakes, reals]))
    of_fakes = (among_all[: len(fakes)] - rankdata(fakes)) / len(reals)
    of_reals = 1 - (among_all[len(fakes) :] - rankdata(reals)) / len(fakes)
    return float(of_fakes.mean()), of_fakes, of_reals


def _variance(values: Floats) -> float:
    """Variance of the mean of a sample."""
    return float(values.var(ddof=1) / len(values))
