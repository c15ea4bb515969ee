"""Metrics of a binary detector on whole score vectors, never averaged over batches.

Everywhere: ``scores`` is ``(N,)``, the probability of forgery, higher means more likely forged;
``targets`` is ``(N,)``, 0 = real, 1 = forged, and both classes must occur. The ranking metrics
(AUC, average precision, EER, TPR at an FPR) accept any finite scale and do not change under a
strictly increasing map of the scores; the others need probabilities in [0, 1]. A threshold calls
an image forged when ``score >= threshold``, so equal scores always fall on the same side.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

Scores = NDArray[np.floating[Any]]
Targets = NDArray[np.integer[Any]]

_CUT = 0.5


def auc(scores: Scores, targets: Targets) -> float:
    """Area under the ROC curve: the chance that a forgery scores above a real image, ties half.

    Raises:
        ValueError: If the arrays do not fit together or only one class occurs.

    Example:
        >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
        0.75
    """
    scores, targets = check_scores(scores, targets)
    return float(sklearn_metrics.roc_auc_score(targets, scores))


def partial_auc(scores: Scores, targets: Targets, max_fpr: float) -> float:
    """Area under the ROC curve up to a false-positive rate, rescaled so that guessing is 0.5.

    With A the area from 0 to ``max_fpr``, linear between ROC points, and m and M the areas of
    guessing and of a perfect detector there, ``(1 + (A - m) / (M - m)) / 2``; 1 is perfect.

    Source: McClish 1989, Analyzing a Portion of the ROC Curve, Medical Decision Making 9.

    Args:
        scores: ``(N,)``.
        targets: ``(N,)``.
        max_fpr: Where the area ends, in (0, 1).

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, or ``max_fpr`` leaves
            (0, 1).
    """
    if not 0.0 < max_fpr < 1.0:
        raise ValueError(f"max_fpr={max_fpr} is not a rate between 0 and 1")
    scores, targets = check_scores(scores, targets)
    return float(sklearn_metrics.roc_auc_score(targets, scores, max_fpr=max_fpr))


def average_precision(scores: Scores, targets: Targets) -> float:
    """Precision averaged over recall, without interpolation; forgeries are the positives.

    Raises:
        ValueError: If the arrays do not fit together or only one class occurs.
    """
    scores, targets = check_scores(scores, targets)
    return float(sklearn_metrics.average_precision_score(targets, scores))


def equal_error_rate(scores: Scores, targets: Targets) -> float:
    """Error rate where real images and forgeries are mistaken for each other equally often.

    The crossing of the ROC curve with the line ``fpr = 1 - tpr``, linear between ROC points.

    Returns:
        EER in [0, 1]; 0 is perfect, 0.5 is chance.

    Raises:
        ValueError: If the arrays do not fit together or only one class occurs.

    Example:
        >>> equal_error_rate(np.array([0.1, 0.6, 0.4, 0.9]), np.array([0, 0, 1, 1]))
        0.5
    """
    fpr, tpr = _roc_points(*check_scores(scores, targets))
    gap = (1.0 - tpr) - fpr  # falls from 1 to -1
    after = int(np.argmax(gap <= 0))
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(fpr[after - 1] + share * (fpr[after] - fpr[after - 1]))


def tpr_at_fpr(scores: Scores, targets: Targets, max_fpr: float) -> float:
    """Largest share of forgeries found by a threshold whose false-positive rate is allowed.

    The highest TPR of a ROC point with ``FPR <= max_fpr``, without interpolation: what a threshold
    on these scores really reaches. Calling nothing forged (0, 0) counts as a point.

    Args:
        scores: ``(N,)``.
        targets: ``(N,)``.
        max_fpr: Share of real images that may be called forged, in [0, 1].

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, or ``max_fpr`` leaves
            [0, 1].

    Example:
        >>> tpr_at_fpr(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]), 0.1)
        0.5
    """
    if not 0.0 <= max_fpr <= 1.0:
        raise ValueError(f"max_fpr={max_fpr} is not a rate between 0 and 1")
    fpr, tpr = _roc_points(*check_scores(scores, targets))
    return float(tpr[np.searchsorted(fpr, max_fpr, side="right") - 1])


def accuracy(scores: Scores, targets: Targets) -> float:
    """Share of images on the right side of 0.5; a score of exactly 0.5 counts as forged.

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, or a score is no
            probability.
    """
    scores, targets = check_probabilities(scores, targets)
    return float(sklearn_metrics.accuracy_score(targets, scores >= _CUT))


def log_loss(scores: Scores, targets: Targets) -> float:
    """Mean negative log-likelihood in nats; scores are clipped to [2.2e-16, 1 - 2.2e-16].

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, or a score is no
            probability.
    """
    scores, targets = check_probabilities(scores, targets)
    return float(sklearn_metrics.log_loss(targets, scores))


def brier(scores: Scores, targets: Targets) -> float:
    """Mean squared distance of the probability from the target, in [0, 1].

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, or a score is no
            probability.
    """
    scores, targets = check_probabilities(scores, targets)
    return float(sklearn_metrics.brier_score_loss(targets, scores))


def expected_calibration_error(scores: Scores, targets: Targets, num_bins: int) -> float:
    """Mean distance between the probability of forgery and the share of forgeries, over bins.

    Bins have equal width: bin ``k`` of ``B`` holds the scores in ``[k / B, (k + 1) / B)``, the
    last one also 1; a bin weighs as many images as it holds. This is the calibration of the
    probability of forgery itself, not of the winning class.

    Source: Naeini, Cooper and Hauskrecht 2015 (AAAI), section "Calibration metrics".

    Args:
        scores: ``(N,)``, probabilities.
        targets: ``(N,)``.
        num_bins: How many bins share [0, 1], at least 1.

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, a score is no
            probability, or there is no bin.

    Example:
        >>> scores, targets = np.array([0.2, 0.2, 0.8, 0.8]), np.array([0, 0, 0, 1])
        >>> round(expected_calibration_error(scores, targets, 2), 10)
        0.25
    """
    scores, targets = check_probabilities(scores, targets)
    excess = np.bincount(find_bins(scores, num_bins), weights=scores - targets)
    return float(np.abs(excess).sum() / len(scores))


def find_bins(scores: Scores, num_bins: int) -> NDArray[np.int64]:
    """Index ``(N,)`` of the equal-width bin of each probability; see the calibration error.

    Raises:
        ValueError: If ``num_bins`` is below 1.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins={num_bins}; at least one bin is needed")
    return np.minimum((scores * num_bins).astype(np.int64), num_bins - 1)


def check_scores(scores: Scores, targets: Targets) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return both arrays as float64 and int64 if a ranking metric can be computed from them.

    Raises:
        ValueError: If the shapes differ or are not ``(N,)``, a score is not finite, a target is
            neither 0 nor 1, or only one class occurs.
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
    if not num_fake or not num_real:
        missing = "forged" if not num_fake else "real"
        raise ValueError(
            f"no {missing} image among {len(targets)}: metrics compare both classes; "
            "check the labels and the split"
        )
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


def _roc_points(
    scores: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """FPR and TPR ``(K + 1,)`` at each of the K different scores, descending, from (0, 0)."""
    fpr, tpr, _ = sklearn_metrics.roc_curve(targets, scores, drop_intermediate=False)
    return fpr, tpr
