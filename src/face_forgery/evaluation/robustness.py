"""What degradations cost: AUC, its drop, and the rates at the threshold, cell by cell."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_forgery.evaluation.metrics import binary
from face_forgery.evaluation.metrics.binary import Targets
from face_forgery.evaluation.metrics.bootstrap import GroupResampler, take_interval
from face_forgery.evaluation.metrics.proportions import measure_share
from face_forgery.evaluation.metrics.weighted import Floats, WeightedScores


def judge_degraded(
    clean: Floats,
    degraded: Floats,
    targets: Targets,
    groups: NDArray[np.generic] | None,
    *,
    fake_threshold: float,
    num_resamples: int,
    confidence: float,
    seed: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Judge the same images clean and degraded in D ways.

    All cells share their resamples, so the interval of a drop is that of a paired difference: it is
    narrower than those of the two AUCs.

    Args:
        clean: ``(N,)``, probability of forgery.
        degraded: ``(N, D)``, likewise.
        targets: ``(N,)``, 0 = real, 1 = forged; both must occur.
        groups: ``(N,)``, equal for images that belong together; ``None``: each is on its own.
        fake_threshold: From here on an image is called fake.
        num_resamples: Bootstrap resamples.
        confidence: Of the intervals, in (0, 1).
        seed: Of the resamples.

    Returns:
        The clean cell and D others, in their order: ``auc``, ``drop`` (clean AUC less this one),
        ``fpr`` and ``tpr`` at the threshold, each with ``{"value", "low", "high"}``; the clean cell
        has no drop.

    Raises:
        ValueError: As ``metrics.binary.check_probabilities``.
    """
    columns = np.column_stack([clean, degraded])
    values = np.array([binary.auc(scores, targets) for scores in columns.T])
    resampled = _resample_aucs(columns, targets, groups, num_resamples=num_resamples, seed=seed)
    drops = resampled[:, :1] - resampled
    cells = []
    for number, scores in enumerate(columns.T):
        cell = {
            "auc": take_interval(values[number], resampled[:, number], confidence=confidence),
            "drop": take_interval(
                values[0] - values[number], drops[:, number], confidence=confidence
            ),
        }
        for name, target in (("fpr", 0), ("tpr", 1)):
            of = targets == target
            cell[name] = measure_share(
                scores[of] >= fake_threshold,
                None if groups is None else groups[of],
                confidence=confidence,
            )
        cells.append({name: asdict(interval) for name, interval in cell.items()})
    del cells[0]["drop"]
    return cells[0], cells[1:]


def _resample_aucs(
    columns: Floats,
    targets: Targets,
    groups: NDArray[np.generic] | None,
    *,
    num_resamples: int,
    seed: int,
) -> Floats:
    """AUC of every column on every resample: ``(B, D)``."""
    resampler = GroupResampler(groups, targets, seed=seed, order=np.arange(len(targets)))
    ranked = [WeightedScores(scores, targets, num_bins=1) for scores in columns.T]
    aucs = np.empty((num_resamples, len(ranked)))
    for index in range(num_resamples):
        weights = resampler.draw(index)
        aucs[index] = [one.count(weights[one.order]).auc() for one in ranked]
    return aucs
