"""Detectors side by side on the same images."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from face_forgery.evaluation.metrics.bootstrap import Bootstrap, GroupResampler, take_interval
from face_forgery.evaluation.metrics.delong import delong_test
from face_forgery.evaluation.metrics.weighted import (
    PARTIAL_FPR,
    Floats,
    Groups,
    Scores,
    Targets,
    WeightedScores,
)

MEASURES = ("auc", "partial_auc_fpr_1e-1", "tpr_at_fpr_1e-2")


def compare_detectors(
    scores: Mapping[str, Scores],
    targets: Targets,
    groups: Groups,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure detectors on the same images, and the difference of each two.

    All share their resamples, so a difference is that of paired measurements.

    Args:
        scores: Name -> ``(N,)``, probability of forgery; at least two.
        targets: ``(N,)``, 0 = real, 1 = forged.
        groups: ``(N,)``, equal for images that belong together.
        bootstrap: How intervals are drawn.

    Returns:
        ``detectors``: name -> measure -> ``{"value", "low", "high"}``, for the measures ``auc``,
        ``partial_auc_fpr_1e-1`` and ``tpr_at_fpr_1e-2``. ``pairs``: for each two, ``first``,
        ``second``, the differences by measure (first less second) with their intervals, and
        ``delong`` with ``z`` and ``p_value`` of the AUC, which counts images as independent (``z``
        is None where the difference has no variance).

    Raises:
        ValueError: If there are fewer than two, or as `check_probabilities`.
    """
    if len(scores) < 2:
        raise ValueError(f"{len(scores)} detector(s) to compare; it takes at least two")
    ranked = {name: WeightedScores(one, targets, num_bins=1) for name, one in scores.items()}
    resampler = GroupResampler(groups, targets, seed=bootstrap.seed, order=np.arange(len(targets)))
    values = {name: _measure(one, np.ones(len(targets))) for name, one in ranked.items()}
    resampled = {name: np.empty((bootstrap.num_resamples, len(MEASURES))) for name in ranked}
    for index in range(bootstrap.num_resamples):
        weights = resampler.draw(index)
        for name, one in ranked.items():
            resampled[name][index] = _measure(one, weights)

    def intervals(value: Floats, drawn: Floats) -> dict[str, Any]:
        return {
            measure: asdict(take_interval(value[at], drawn[:, at], confidence=bootstrap.confidence))
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
