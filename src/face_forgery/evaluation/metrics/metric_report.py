"""The evaluation report: every metric with its interval, and what could not be measured and why."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from face_forgery.evaluation.metrics.bootstrap import (
    UNMEASURED,
    Bootstrap,
    GroupResampler,
    Interval,
    bootstrap_metrics,
    take_interval,
    take_norm_interval,
)
from face_forgery.evaluation.metrics.weighted import (
    PARTIAL_FPR,
    Floats,
    Groups,
    ScoreCounts,
    Scores,
    Targets,
    WeightedScores,
    calibration_error,
    check_probabilities,
)

FALSE_POSITIVE_RATES = {
    "tpr_at_fpr_1e-2": 1e-2,
    "tpr_at_fpr_5e-3": 5e-3,
    "tpr_at_fpr_1e-3": 1e-3,
}
_CURVE_POINTS = 200


def evaluate(
    scores: Scores,
    targets: Targets,
    groups: Groups,
    bootstrap: Bootstrap,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Judge scores: metrics, ROC curve and intervals from one set of resamples.

    A true-positive rate at a false-positive rate below ``1 / num_real`` cannot be measured: its
    value is None, and ``notes`` says why.

    Returns:
        ``{"auc": {"value", "low", "high"}, ..., "notes": {...}, "counts": {...}, "bootstrap":
        {...}}``, JSON values only. And the ROC staircase at up to 200 numbers of false positives,
        even on a logarithmic axis: columns ``false_positives``, ``fpr``, ``tpr``, ``low``,
        ``high``, ascending.
    """
    scores, targets = check_probabilities(scores, targets)
    ranked = WeightedScores(scores, targets)
    resampler = GroupResampler(groups, targets, seed=bootstrap.seed, order=ranked.order)
    counts = ranked.count(np.ones(len(targets)))
    num_real = int(counts.num_real)
    false_positives = _space_counts(num_real)
    around = [_expected_counts(rate, num_real) for rate in FALSE_POSITIVE_RATES.values()]
    resampled, tpr = bootstrap_metrics(
        ranked,
        resampler,
        max_fprs=np.concatenate([*(numbers for numbers, _ in around), false_positives]) / num_real,
        num_resamples=bootstrap.num_resamples,
    )
    for at, (name, (_, weights)) in enumerate(zip(FALSE_POSITIVE_RATES, around, strict=True)):
        resampled[name] = tpr[:, 2 * at : 2 * at + 2] @ weights
    values = _measure(scores, targets, counts)
    metrics, notes = _take_intervals(values, resampled, num_real, bootstrap.confidence)
    metrics["notes"] = notes
    metrics["counts"] = {
        "num_images": len(targets),
        "num_real": num_real,
        "num_fake": len(targets) - num_real,
        "num_groups": resampler.num_groups,
    }
    metrics["bootstrap"] = asdict(bootstrap)
    curve_tpr = tpr[:, 2 * len(FALSE_POSITIVE_RATES) :]
    return metrics, _trace_curve(counts, false_positives, curve_tpr, bootstrap.confidence)


def _measure(scores: Scores, targets: Targets, counts: ScoreCounts) -> dict[str, float]:
    """Measure all images: by scikit-learn where it has the metric, else as the resamples are."""
    tpr = counts.tpr_at_fpr(np.array(list(FALSE_POSITIVE_RATES.values())))
    return {
        "auc": float(roc_auc_score(targets, scores)),
        "partial_auc_fpr_1e-1": float(roc_auc_score(targets, scores, max_fpr=PARTIAL_FPR)),
        "average_precision": float(average_precision_score(targets, scores)),
        "eer": counts.equal_error_rate(),
        "accuracy": float(accuracy_score(targets, scores >= 0.5)),
        "log_loss": float(log_loss(targets, scores)),
        "brier": float(brier_score_loss(targets, scores)),
        "ece": calibration_error(scores, targets),
        **dict(zip(FALSE_POSITIVE_RATES, tpr.tolist(), strict=True)),
    }


def _take_intervals(
    values: dict[str, float], resampled: dict[str, Floats], num_real: int, confidence: float
) -> tuple[dict[str, Any], dict[str, str]]:
    metrics: dict[str, Any] = {}
    notes: dict[str, str] = {}
    for name, value in values.items():
        max_fpr = FALSE_POSITIVE_RATES.get(name, 1.0)
        if 1 / num_real > max_fpr:
            metrics[name] = UNMEASURED
            notes[name] = (
                f"{num_real} real images cannot show a false-positive rate of {max_fpr:g}: "
                f"one of them is already {1 / num_real:.2g}. "
                f"At least {round(1 / max_fpr):,} are needed."
            )
            continue
        interval = _take(name, value, resampled, confidence)
        bounding = _fewest_that_bound(max_fpr, confidence)
        if num_real < bounding:
            # The lower end cannot miss, so the upper one may miss as often as both together.
            one_sided = _take(name, value, resampled, max(2 * confidence - 1, 0.0))
            interval = one_sided | {"low": 0.0}
        metrics[name] = interval
        if interval["low"] == interval["high"]:
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


def _take(name: str, value: float, resampled: dict[str, Floats], confidence: float) -> Interval:
    if name == "ece":
        moved = resampled["ece_moved"]
        return take_norm_interval(value, resampled[name], moved, confidence=confidence)
    interval = take_interval(value, resampled[name], confidence=confidence)
    low, high = min(interval["low"], value), max(interval["high"], value)
    return {"value": value, "low": low, "high": high}


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


def _space_counts(num_real: int) -> NDArray[np.int64]:
    """Numbers of false positives from 0 to ``num_real``, evenly spaced on a logarithmic axis."""
    spaced = np.geomspace(1, num_real, min(num_real, _CURVE_POINTS - 1))
    return np.unique(np.append(0, np.rint(spaced).astype(np.int64)))


def _trace_curve(
    counts: ScoreCounts,
    false_positives: NDArray[np.int64],
    resampled_tpr: Floats,
    confidence: float,
) -> pd.DataFrame:
    fpr = false_positives / counts.num_real
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(resampled_tpr, [tail, 1.0 - tail], axis=0)
    return pd.DataFrame(
        {
            "false_positives": false_positives,
            "fpr": fpr,
            "tpr": counts.tpr_at_fpr(fpr),
            "low": low,
            "high": high,
        }
    )
