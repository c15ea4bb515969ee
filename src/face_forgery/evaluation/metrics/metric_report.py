"""The evaluation report: every metric with its interval, and what could not be measured and why."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_forgery.evaluation.metrics import binary
from face_forgery.evaluation.metrics.binary import Scores, Targets
from face_forgery.evaluation.metrics.bootstrap import (
    GroupResampler,
    Interval,
    bootstrap_metrics,
    take_interval,
    take_norm_interval,
)
from face_forgery.evaluation.metrics.weighted import PARTIAL_FPR, Floats, WeightedScores

FALSE_POSITIVE_RATES = {
    "tpr_at_fpr_1e-2": 1e-2,
    "tpr_at_fpr_5e-3": 5e-3,
    "tpr_at_fpr_1e-3": 1e-3,
}
_CURVE_POINTS = 200


@dataclass(frozen=True)
class Evaluation:
    """What scores say about a detector.

    Attributes:
        metrics: ``{"auc": {"value", "low", "high"}, ..., "notes": {...}, "counts": {...},
            "bootstrap": {...}}``; JSON values only.
        roc_curve: Columns ``false_positives``, ``fpr``, ``tpr``, ``low``, ``high``, ascending: the
            ROC staircase at up to 200 numbers of false positives, even on a logarithmic axis.
    """

    metrics: dict[str, Any]
    roc_curve: dict[str, NDArray[Any]]


def evaluate(
    scores: Scores,
    targets: Targets,
    groups: NDArray[np.generic] | None,
    *,
    num_resamples: int,
    confidence: float,
    num_bins: int,
    seed: int,
) -> Evaluation:
    """Judge scores: metrics, ROC curve and intervals from one set of resamples.

    A true-positive rate at a false-positive rate below ``1 / num_real`` cannot be measured: its
    value is None, and ``notes`` says why.

    Args:
        scores: ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged.
        groups: ``(N,)``, equal for images that belong together; ``None``: each is on its own.
        num_resamples: Bootstrap resamples.
        confidence: Of the intervals, in (0, 1).
        num_bins: Of the calibration error.
        seed: Of the resamples.

    Raises:
        ValueError: If the arrays do not fit together, only one class occurs, or a score is no
            probability.
    """
    ranked = WeightedScores(scores, targets, num_bins=num_bins)
    resampler = GroupResampler(groups, targets, seed=seed, order=ranked.order)
    num_real = int((targets == 0).sum())
    false_positives = _space_counts(num_real)
    around = [_expected_counts(rate, num_real) for rate in FALSE_POSITIVE_RATES.values()]
    resampled = bootstrap_metrics(
        ranked,
        resampler,
        max_fprs=np.concatenate([*(counts for counts, _ in around), false_positives]) / num_real,
        num_resamples=num_resamples,
    )
    tpr = {
        name: resampled.tpr[:, 2 * at : 2 * at + 2] @ weights
        for at, (name, (_, weights)) in enumerate(zip(FALSE_POSITIVE_RATES, around, strict=True))
    }
    metrics, notes = _write_metrics(scores, targets, resampled.metrics | tpr, num_bins, confidence)
    metrics["notes"] = notes
    metrics["counts"] = {
        "num_images": len(targets),
        "num_real": num_real,
        "num_fake": len(targets) - num_real,
        "num_groups": resampler.num_groups,
    }
    metrics["bootstrap"] = {
        "num_resamples": num_resamples,
        "confidence": confidence,
        "seed": seed,
    }
    curve_tpr = resampled.tpr[:, 2 * len(FALSE_POSITIVE_RATES) :]
    return Evaluation(metrics, _trace_curve(ranked, false_positives, curve_tpr, confidence))


def _write_metrics(
    scores: Scores,
    targets: Targets,
    resamples: dict[str, Floats],
    num_bins: int,
    confidence: float,
) -> tuple[dict[str, Any], dict[str, str]]:
    num_real = int((targets == 0).sum())
    metrics: dict[str, Any] = {}
    notes: dict[str, str] = {}
    for name, value in _measure(scores, targets, num_bins).items():
        max_fpr = FALSE_POSITIVE_RATES.get(name, 1.0)
        if 1 / num_real > max_fpr:
            metrics[name] = {"value": None, "low": None, "high": None}
            notes[name] = (
                f"{num_real} real images cannot show a false-positive rate of {max_fpr:g}: "
                f"one of them is already {1 / num_real:.2g}. "
                f"At least {round(1 / max_fpr):,} are needed."
            )
            continue
        interval = _take(name, value, resamples, confidence)
        bounding = _fewest_that_bound(max_fpr, confidence)
        if num_real < bounding:
            # The lower end cannot miss, so the upper one may miss as often as both together.
            one_sided = _take(name, value, resamples, max(2 * confidence - 1, 0.0))
            interval = Interval(value, 0.0, one_sided.high)
        metrics[name] = asdict(interval)
        if interval.low == interval.high:
            notes[name] = (
                "Every resample gives the same value, so the interval has no width. That comes "
                "from the size of the set, not from certainty; judge on more images."
            )
        elif num_real < bounding:
            notes[name] = (
                f"The interval is open below: among {num_real:,} real images even the highest "
                f"score may lie below the threshold that a false-positive rate of {max_fpr:g} "
                f"takes, and beyond it nothing was seen. {bounding:,} real images would bound it."
            )
    return metrics, notes


def _take(name: str, value: float, resamples: dict[str, Floats], confidence: float) -> Interval:
    if name == "ece":
        moved = resamples["ece_moved"]
        return take_norm_interval(value, resamples[name], moved, confidence=confidence)
    interval = take_interval(value, resamples[name], confidence=confidence)
    return Interval(value, min(interval.low, value), max(interval.high, value))


def _fewest_that_bound(max_fpr: float, confidence: float) -> int:
    """Number of real images from which their highest score lies above the threshold at a rate.

    All of n scores lie below the threshold with the true rate r with probability ``(1 - r)^n``,
    whatever they look like; above half of what an interval may miss, no lower end can be had.
    """
    if max_fpr >= 1.0:
        return 0
    return math.ceil(math.log((1.0 - confidence) / 2.0) / math.log1p(-max_fpr))


def _expected_counts(rate: float, num_real: int) -> tuple[Floats, Floats]:
    """Numbers of false positives whose threshold has the expected rate ``rate``, and weights.

    A threshold with k false positives among n real images has an expected rate of
    ``(k + 1) / (n + 1)`` on new ones, not k / n. The TPR at a rate is therefore too high by about
    one false positive, and so would an interval around it be: it is taken at the k that solves the
    equation, between the two whole numbers next to it.
    """
    wanted = max(rate * (num_real + 1) - 1.0, 0.0)
    below = np.floor(wanted)
    return np.array([below, below + 1]), np.array([below + 1 - wanted, wanted - below])


def _measure(scores: Scores, targets: Targets, num_bins: int) -> dict[str, float]:
    return {
        "auc": binary.auc(scores, targets),
        "partial_auc_fpr_1e-1": binary.partial_auc(scores, targets, PARTIAL_FPR),
        "average_precision": binary.average_precision(scores, targets),
        "eer": binary.equal_error_rate(scores, targets),
        "accuracy": binary.accuracy(scores, targets),
        "log_loss": binary.log_loss(scores, targets),
        "brier": binary.brier(scores, targets),
        "ece": binary.expected_calibration_error(scores, targets, num_bins),
        **{
            name: binary.tpr_at_fpr(scores, targets, max_fpr)
            for name, max_fpr in FALSE_POSITIVE_RATES.items()
        },
    }


def _space_counts(num_real: int) -> NDArray[np.int64]:
    """Numbers of false positives from 0 to ``num_real``, evenly spaced on a logarithmic axis."""
    spaced = np.geomspace(1, num_real, min(num_real, _CURVE_POINTS - 1))
    return np.unique(np.append(0, np.rint(spaced).astype(np.int64)))


def _trace_curve(
    ranked: WeightedScores,
    false_positives: NDArray[np.int64],
    resampled_tpr: Floats,
    confidence: float,
) -> dict[str, NDArray[Any]]:
    counts = ranked.count(np.ones(len(ranked.order)))
    fpr = false_positives / counts.num_real
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(resampled_tpr, [tail, 1.0 - tail], axis=0)
    return {
        "false_positives": false_positives,
        "fpr": fpr,
        "tpr": counts.tpr_at_fpr(fpr),
        "low": low,
        "high": high,
    }
