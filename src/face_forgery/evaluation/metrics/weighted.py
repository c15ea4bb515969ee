"""The engine of the metrics: sort the scores once, then measure any weighting in one linear pass.

A bootstrap resample is a weighting by whole numbers: an image counts as often as it was drawn. A
metric of a weighting is that of the scores repeated as often as their weights say.

A threshold calls an image forged when ``score >= threshold``, so equal scores always fall on the
same side.

Shapes: N images, K different scores, R rates.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Targets = NDArray[np.integer[Any]]
Groups = NDArray[np.generic]
Floats = NDArray[np.float64]

PARTIAL_FPR = 0.1
"""Where the partial AUC ends: a service rarely lives with more false alarms."""
NUM_BINS = 15
"""Equal-width bins of the calibration error and of the reliability diagram."""


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
        """Area under the ROC curve: the chance that a forgery beats a real image, ties half."""
        wins = self.fake @ (self.num_real - self.real_above) + 0.5 * (self.fake @ self.real)
        return float(wins / (self.num_real * self.num_fake))

    def partial_auc(self, max_fpr: float) -> float:
        """Area under the ROC curve up to ``max_fpr`` in (0, 1), rescaled: guessing is 0.5.

        With A the area from 0 to ``max_fpr``, linear between ROC points, and m and M the areas of
        guessing and of a perfect detector there: ``(1 + (A - m) / (M - m)) / 2``.

        Source: McClish 1989, Analyzing a Portion of the ROC Curve, Medical Decision Making 9.
        """
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
        """Precision averaged over recall, without interpolation; forgeries are the positives."""
        called = np.maximum(self.real_above + self.fake_above, 1.0)  # 0 only where fake is 0 too
        return float(self.fake @ (self.fake_above / called) / self.num_fake)

    def equal_error_rate(self) -> float:
        """Where the ROC curve crosses ``fpr = 1 - tpr``, linear between its points; 0 is best."""
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
        """Highest TPR ``(R,)`` of a threshold with an FPR of at most ``max_fprs`` ``(R,)``."""
        allowed = count_allowed(max_fprs, self.num_real)
        last = np.searchsorted(self.real_above, allowed, side="right") - 1
        return np.where(last >= 0, self.fake_above[last], 0.0) / self.num_fake


class WeightedScores:
    """Scores, sorted once."""

    def __init__(self, scores: Scores, targets: Targets) -> None:
        scores, targets = check_probabilities(scores, targets)
        self.order: NDArray[np.int64] = np.argsort(-scores, kind="stable")
        """``(N,)``: weights are given in this order, which is descending by score."""
        scores, targets = scores[self.order], targets[self.order]
        self._is_fake = targets.astype(np.float64)
        starts = np.flatnonzero(np.append(True, np.diff(scores) != 0))
        self._starts = starts if len(starts) < len(scores) else None
        self._bins = find_bins(scores)
        self._residual = scores - targets
        self._summands = np.stack(
            [_log_losses(scores, targets), self._residual**2, (scores >= 0.5) == (targets == 1)]
        )

    def count(self, weights: Floats) -> ScoreCounts:
        """Real and forged weight by score, for ``weights`` ``(N,)`` in ``order``."""
        fake = weights * self._is_fake
        real = weights - fake
        if self._starts is not None:
            fake, real = np.add.reduceat(fake, self._starts), np.add.reduceat(real, self._starts)
        return ScoreCounts(real, fake, np.cumsum(real), np.cumsum(fake))

    def measure_auc(self, weights: Floats) -> float:
        """AUC for ``weights`` ``(N,)`` of the images in the order in which they were given."""
        return self.count(weights[self.order]).auc()

    def measure(self, weights: Floats, counts: ScoreCounts) -> dict[str, float]:
        """Every metric that needs no rate, by name.

        ``accuracy`` calls forged what scores 0.5 or more; ``log_loss`` is in nats; ``brier`` is the
        mean squared distance from the target; ``ece`` is `calibration_error`, and ``ece_moved`` how
        far its bins moved from those of all images, which the interval of ``ece`` needs. ``counts``
        is ``count(weights)``.
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
            **self._calibration_errors(weights, total),
        }

    def _calibration_errors(self, weights: Floats, total: float) -> dict[str, float]:
        excess = np.bincount(self._bins, weights * self._residual, NUM_BINS) / total
        all_images = np.bincount(self._bins, self._residual, NUM_BINS) / len(weights)
        moved = np.abs(excess - all_images).sum()
        return {"ece": float(np.abs(excess).sum()), "ece_moved": float(moved)}


def calibration_error(scores: Scores, targets: Targets) -> float:
    """Mean distance between the probability of forgery and the proportion of forgeries, over bins.

    Bins are those of `find_bins`; a bin weighs as many images as it holds. This is the calibration
    of the probability of forgery itself, not of the winning class.

    Source: Naeini, Cooper and Hauskrecht 2015 (AAAI), section "Calibration metrics".
    """
    excess = np.bincount(find_bins(scores), weights=scores - targets)
    return float(np.abs(excess).sum() / len(scores))


def find_bins(scores: Scores) -> NDArray[np.int64]:
    """Number ``(N,)`` of the equal-width bin of each probability; the last bin also holds 1."""
    return np.minimum((scores * NUM_BINS).astype(np.int64), NUM_BINS - 1)


def count_allowed(max_fprs: Any, num_real: float) -> Floats:
    """Largest number of real images whose proportion of ``num_real`` is at most each rate.

    Not ``floor(rate * num_real)``: 0.29 * 100 is 28.999999999999996 in floating point, while
    29 / 100 equals 0.29.
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


def check_scores(scores: Scores, targets: Targets) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return both arrays as float64 and int64 if images can be ranked by them.

    Raises:
        ValueError: As `check_values`, or if only one class occurs.
    """
    scores, targets = check_values(scores, targets)
    num_fake = int(targets.sum())
    if num_fake in (0, len(targets)):
        missing = "forged" if not num_fake else "real"
        raise ValueError(
            f"no {missing} image among {len(targets)}: metrics compare both classes; "
            "check the labels and the split"
        )
    return scores, targets


def check_values(scores: Scores, targets: Targets) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return both arrays as float64 and int64; one class may be missing.

    Raises:
        ValueError: If the shapes differ or are not ``(N,)``, a score is not finite, or a target is
            neither 0 nor 1.
    """
    scores, targets = np.asarray(scores), np.asarray(targets)
    if scores.ndim != 1 or scores.shape != targets.shape:
        raise ValueError(
            f"scores {scores.shape} and targets {targets.shape} must both have the shape (N,)"
        )
    if num_bad := int((~np.isfinite(scores)).sum()):
        raise ValueError(f"{num_bad} of {len(scores)} scores are NaN or infinite")
    num_fake, num_real = int((targets == 1).sum()), int((targets == 0).sum())
    if num_other := len(targets) - num_fake - num_real:
        raise ValueError(f"{num_other} of {len(targets)} targets are neither 0 (real) nor 1 (fake)")
    return scores.astype(np.float64, copy=False), targets.astype(np.int64, copy=False)


def check_probabilities(
    scores: Scores, targets: Targets
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Like ``check_scores``, for scores that must be probabilities.

    Raises:
        ValueError: As ``check_scores``, or if a score lies outside [0, 1].
    """
    scores, targets = check_scores(scores, targets)
    if num_bad := int(((scores < 0) | (scores > 1)).sum()):
        raise ValueError(
            f"{num_bad} of {len(scores)} scores lie outside [0, 1] "
            f"(from {scores.min():g} to {scores.max():g}); this metric needs probabilities"
        )
    return scores, targets
