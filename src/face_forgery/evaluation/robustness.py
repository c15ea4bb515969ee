"""What degradations cost: AUC, its drop, and the rates at the threshold, cell by cell."""

from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.metrics.bootstrap import Bootstrap, GroupResampler, take_interval
from face_forgery.evaluation.metrics.proportions import measure_proportion
from face_forgery.evaluation.metrics.weighted import Floats, Groups, Targets, WeightedScores


def judge_degraded(
    clean: Floats,
    degraded: Floats,
    targets: Targets,
    groups: Groups,
    bootstrap: Bootstrap,
    *,
    fake_threshold: float,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Measure the same images clean and degraded in D ways.

    All cells share their resamples, so the interval of a drop is that of a paired difference: it is
    narrower than those of the two AUCs.

    Args:
        clean: ``(N,)``, probability of forgery.
        degraded: ``(N, D)``, likewise.
        targets: ``(N,)``, 0 = real, 1 = forged; both must occur.
        groups: ``(N,)``, equal for images that belong together.
        bootstrap: How intervals are drawn.
        fake_threshold: An image that scores this or more is called fake.

    Returns:
        The clean cell and D others, in their order: ``auc``, ``drop`` (clean AUC less this one),
        ``fpr`` and ``tpr`` at the threshold, each with ``{"value", "low", "high"}``; the clean cell
        has no drop.

    Raises:
        ValueError: As `check_probabilities`.
    """
    columns = np.column_stack([clean, degraded])
    resampled = _resample_aucs(columns, targets, groups, bootstrap)
    values = np.array([roc_auc_score(targets, scores) for scores in columns.T])
    confidence = bootstrap.confidence
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
            cell[name] = measure_proportion(
                scores[of] >= fake_threshold, groups[of], confidence=confidence
            )
        cells.append({name: asdict(interval) for name, interval in cell.items()})
    del cells[0]["drop"]
    return cells[0], cells[1:]


def _resample_aucs(
    columns: Floats, targets: Targets, groups: Groups, bootstrap: Bootstrap
) -> Floats:
    """AUC of every column on every resample: ``(B, D)``."""
    resampler = GroupResampler(groups, targets, seed=bootstrap.seed, order=np.arange(len(targets)))
    ranked = [WeightedScores(scores, targets, num_bins=1) for scores in columns.T]
    aucs = np.empty((bootstrap.num_resamples, len(ranked)))
    for index in range(bootstrap.num_resamples):
        weights = resampler.draw(index)
        aucs[index] = [one.count(weights[one.order]).auc() for one in ranked]
    return aucs
