"""What degradations cost: AUC, its drop, and the rates at the threshold, cell by cell."""

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.metrics.bootstrap import Bootstrap, resample, take_interval
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
    narrower than those of the two AUCs. An image that scores ``fake_threshold`` or more is called
    fake; ``clean`` is ``(N,)``, ``degraded`` ``(N, D)``, of probabilities of forgery.

    Returns:
        The clean cell and D others, in their order: ``auc``, ``drop`` (clean AUC less this one),
        ``fpr`` and ``tpr`` at the threshold, each with ``{"value", "low", "high"}``; the clean cell
        has no drop.
    """
    columns = [clean, *degraded.T]
    ranked = [WeightedScores(scores, targets) for scores in columns]
    resampled = resample([one.measure_auc for one in ranked], targets, groups, bootstrap)
    values = np.array([roc_auc_score(targets, scores) for scores in columns])
    confidence = bootstrap.confidence
    cells = []
    for number, scores in enumerate(columns):
        auc, drawn = values[number], resampled[:, number]
        drop, drop_drawn = values[0] - auc, resampled[:, 0] - drawn
        cell = {
            "auc": take_interval(auc, drawn, confidence=confidence),
            "drop": take_interval(drop, drop_drawn, confidence=confidence),
        }
        for name, of in (("fpr", targets == 0), ("tpr", targets == 1)):
            called_fake = scores[of] >= fake_threshold
            cell[name] = measure_proportion(called_fake, groups[of], confidence=confidence)
        cells.append(cell)
    del cells[0]["drop"]
    return cells[0], cells[1:]
