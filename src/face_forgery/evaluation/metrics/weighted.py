"""Metrics from how often each image counts: sort once, then one linear pass for any weighting.

A bootstrap resample is a weighting by whole numbers. Every metric here equals the one of the same
name in ``evaluation.metrics.binary`` on the scores repeated as often as their weight says.

Shapes: N images, K different scores, R rates.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_forgery.evaluation.metrics.binary import Scores, Targets, check_probabilities, find_bins

Floats = NDArray[np.float64]

PARTIAL_FPR = 0.1
"""Where the partial AUC ends: a service rarely lives with more false alarms."""

_CUT = 0.5


@dataclass(frozen=True)
class ScoreCounts:
    """How much real and forged weight lies at each score, descending: all that ranking needs."""

    real: Floats  # (K,), whole numbers
    fake: Floats  # (K,)
    real_above: Floats  # (K,), at this score or above: false positives of this threshold
    fake_above: Floats  # (K,), true positives

    @property
    def num_real(self) -> float:
        """Total weight of the real images."""
        return float(self.real_above[-1])

    @property
    def num_fake(self) -> float:
        """Total weight of the forgeries."""
        return float(self.fake_above[-1])

    def auc(self) -> float:
        """Area under the ROC curve, ties half."""
        wins = self.fake @ (self.num_real - self.real_above) + 0.5 * (self.fake @ self.real)
        return float(wins / (self.num_real * self.num_fake))

    def partial_auc(self, max_fpr: float) -> float:
        """Area under the ROC curve up to ``max_fpr``, rescaled so that guessing is 0.5."""
        reach = max_fpr * self.num_real  # real weight
        stop = int(np.searchsorted(self.real_above, reach, side="right"))
        real = np.concatenate(([0.0], self.real_above[:stop], [reach]))
        fake = np.concatenate(([0.0], self.fake_above[:stop], [0.0]))
        step_real = self.real_above[stop] - real[-2]
        step_fake = self.fake_above[stop] - fake[-2]
        fake[-1] = fake[-2] + step_fake * (reach - real[-2]) / step_real
        area = float(np.diff(real) @ (fake[1:] + fake[:-1]) / 2) / (self.num_real * self.num_fake)
        guessing = max_fpr**2 / 2
        return (1.0 + (area - guessing) / (max_fpr - guessing)) / 2

    def average_precision(self) -> float:
        """Precision averaged over recall; forgeries are the positives."""
        called = np.maximum(self.real_above + self.fake_above, 1.0)  # 0 only where fake is 0 too
        return float(self.fake @ (self.fake_above / called) / self.num_fake)

    def equal_error_rate(self) -> float:
        """Where the ROC curve crosses ``fpr = 1 - tpr``, linear between its points."""
        num_real, num_fake = self.num_real, self.num_fake
        real_above, fake_above = self.real_above, self.fake_above

        def is_past(level: int) -> bool:
            past = real_above[level] * num_fake + fake_above[level] * num_real
            return bool(past >= num_real * num_fake)

        after = bisect_left(range(len(real_above)), True, key=is_past)
        fpr, tpr = real_above[after] / num_real, fake_above[after] / num_fake
        last_fpr = real_above[after - 1] / num_real if after else 0.0
        last_tpr = fake_above[after - 1] / num_fake if after else 0.0
        gap, last_gap = 1.0 - tpr - fpr, 1.0 - last_tpr - last_fpr
        return float(last_fpr + last_gap / (last_gap - gap) * (fpr - last_fpr))

    def tpr_at_fpr(self, max_fprs: Floats) -> Floats:
        """Highest TPR ``(R,)`` with an FPR of at most ``max_fprs`` ``(R,)``, not interpolated."""
        allowed = count_allowed(max_fprs, self.num_real)
        last = np.searchsorted(self.real_above, allowed, side="right") - 1
        return np.where(last >= 0, self.fake_above[last], 0.0) / self.num_fake


class WeightedScores:
    """Scores sorted once.

    Args:
        scores: ``(N,)``, probabilities of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged; both must occur.
        num_bins: Equal-width bins of the calibration error.

    Raises:
        ValueError: As ``metrics.binary.check_probabilities``.
    """

    def __init__(self, scores: Scores, targets: Targets, *, num_bins: int) -> None:
        scores, targets = check_probabilities(scores, targets)
        self.order: NDArray[np.int64] = np.argsort(-scores, kind="stable")
        """``(N,)``: weights are given in this order, which is descending by score."""
        scores, targets = scores[self.order], targets[self.order]
        self._is_fake = targets.astype(np.float64)
        starts = np.flatnonzero(np.append(True, np.diff(scores) != 0))
        self._starts = starts if len(starts) < len(scores) else None
        self._bins, self._num_bins = find_bins(scores, num_bins), num_bins
        self._residual = scores - targets
        self._summands = np.stack(
            [_log_losses(scores, targets), self._residual**2, (scores >= _CUT) == (targets == 1)]
        )

    def count(self, weights: Floats) -> ScoreCounts:
        """Real and forged weight by score, for ``weights`` ``(N,)`` in ``order``."""
        fake = weights * self._is_fake
        real = weights - fake
        if self._starts is not None:
            fake, real = np.add.reduceat(fake, self._starts), np.add.reduceat(real, self._starts)
        return ScoreCounts(real, fake, np.cumsum(real), np.cumsum(fake))

    def measure(self, weights: Floats, counts: ScoreCounts) -> dict[str, float]:
        """Every metric that needs no rate, and ``ece_moved``, for the interval of ``ece``.

        Args:
            weights: ``(N,)``, in ``order``.
            counts: ``count(weights)``.
        """
        total = counts.num_real + counts.num_fake
        loss, squares, right = self._summands @ weights / total
        return {
            "auc": counts.auc(),
            "partial_auc_fpr_1e-1": counts.partial_auc(PARTIAL_FPR),
            "average_precision": counts.average_precision(),
            "eer": counts.equal_error_rate(),
            "accuracy": float(right),
            "log_loss": float(loss),
            "brier": float(squares),
            **self._calibration_error(weights, total),
        }

    def _calibration_error(self, weights: Floats, total: float) -> dict[str, float]:
        """The error, and how far the excesses of the bins moved from those of all images."""
        excess = np.bincount(self._bins, weights * self._residual, self._num_bins) / total
        all_images = np.bincount(self._bins, self._residual, self._num_bins) / len(weights)
        moved = np.abs(excess - all_images).sum()
        return {"ece": float(np.abs(excess).sum()), "ece_moved": float(moved)}


def count_allowed(max_fprs: Any, num_real: float) -> Floats:
    """Largest number of real images whose share of ``num_real`` is at most each rate.

    Not ``floor(rate * num_real)``: 0.29 * 100 is 28.999999999999996 in floating point, while
    29 / 100 equals 0.29.

    Example:
        >>> count_allowed([0.29, 0.005], 100.0).tolist()
        [29.0, 0.0]
    """
    rates = np.asarray(max_fprs, dtype=np.float64)
    allowed: Floats = np.floor(rates * num_real) + 1.0
    for _ in range(2):
        allowed -= allowed / num_real > rates
    return allowed


def _log_losses(scores: Floats, targets: NDArray[np.int64]) -> Floats:
    epsilon = np.finfo(np.float64).eps
    likelihood: Floats = np.where(targets == 1, scores, 1.0 - scores)
    losses: Floats = -np.log(np.clip(likelihood, epsilon, 1.0 - epsilon))
    return losses
