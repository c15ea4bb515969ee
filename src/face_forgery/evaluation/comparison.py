"""Detectors side by side on the same images: paired bootstrap intervals and DeLong's test."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
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

MEASURES = ("auc", "partial_auc_fpr_1e-1", "tpr_at_fpr_1e-2")


def compare_detectors(
    scores: Mapping[str, Scores],
    targets: Targets,
    groups: Groups,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure detectors on the same images, and the difference of each two.

    All share their resamples, so a difference is that of paired measurements. ``scores`` has those
    of at least two detectors by name.

    Returns:
        ``detectors``: name -> measure -> ``{"value", "low", "high"}``, for ``MEASURES``.
        ``pairs``: for each two, ``first``, ``second``, the differences by measure (first less
        second) with their intervals, and ``delong`` with ``z`` and ``p_value`` of the AUC, which
        counts images as independent (``z`` is None where the difference has no variance).

    Raises:
        ValueError: If there are fewer than two, or as `check_probabilities`.
    """
    if len(scores) < 2:
        raise ValueError(f"{len(scores)} detector(s) to compare; it takes at least two")
    measures = [
        partial(_measure, WeightedScores(one, targets, num_bins=1)) for one in scores.values()
    ]
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
