"""Bootstrap intervals that know about groups and survive a million images.

Definition. The unit that is resampled is the group: all images of a video or an identity, a
forgery together with the real image it was made from. An image without companions is a group of
one. Groups fall into three strata, by what they hold: real images only, forgeries only, both. A
resample draws, with replacement and within each stratum, as many groups as the stratum has; an
image counts as often as its group was drawn. Both classes therefore occur in every resample.
Interval: the percentiles ``(1 - confidence) / 2`` and ``(1 + confidence) / 2``.

Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 and 13.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from face_forgery.evaluation.metrics.weighted import Floats, Groups, Scores, Targets, WeightedScores
from face_forgery.params import EvaluationParams

Interval = dict[str, Any]
"""``{"value", "low", "high"}``: a measured value and the interval around it."""

UNMEASURED: Interval = {"value": None, "low": None, "high": None}
_MANY_IMAGES = 200_000


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are drawn."""

    num_resamples: int
    confidence: float  # of the intervals, in (0, 1)
    seed: int

    @classmethod
    def of(cls, params: EvaluationParams) -> "Bootstrap":
        """Return how ``params`` ask for intervals."""
        return cls(params.num_resamples, params.confidence, params.seed)


class GroupResampler:
    """Draws whole groups; resample ``i`` follows from ``(seed, i)`` alone.

    Weights are drawn for the images in ``order``, ``(N,)``, so that they fit ``WeightedScores`` of
    the same ``order``.

    Raises:
        ValueError: If an image has no group.
    """

    def __init__(
        self, groups: Groups, targets: Targets, *, seed: int, order: NDArray[np.int64]
    ) -> None:
        self._seed = seed
        targets, codes = targets[order], pd.factorize(groups[order])[0]
        if num_unnamed := int((codes < 0).sum()):
            raise ValueError(
                f"{num_unnamed} of {len(groups)} images belong to no group; "
                "an image without companions is a group of its own and needs a name"
            )
        self.num_groups = int(codes.max()) + 1
        self._codes = codes if self.num_groups < len(codes) else None  # else 0, 1, 2, ...
        has_real = np.bincount(codes[targets == 0], minlength=self.num_groups) > 0
        has_fake = np.bincount(codes[targets == 1], minlength=self.num_groups) > 0
        strata = (has_real & ~has_fake, has_fake & ~has_real, has_real & has_fake)
        self._strata = [np.flatnonzero(stratum) for stratum in strata if stratum.any()]

    def draw(self, index: int) -> Floats:
        """How often each image counts in resample ``index``: ``(N,)``, whole, in ``order``."""
        rng = np.random.default_rng((self._seed, index))
        times_drawn = np.empty(self.num_groups)
        for members in self._strata:
            drawn = rng.integers(0, len(members), len(members), dtype=np.int32)
            times_drawn[members] = np.bincount(drawn, minlength=len(members))
        return times_drawn if self._codes is None else times_drawn[self._codes]


def resample(
    measures: Sequence[Callable[[Floats], Any]],
    targets: Targets,
    groups: Groups,
    bootstrap: Bootstrap,
) -> Floats:
    """Take several measurements on the same resamples, so that their differences are paired.

    ``measures`` are M functions of the weights ``(N,)`` of the images; each returns a number, or as
    many as the others. The result is ``(B, M)`` or ``(B, M, ...)``.
    """
    order = np.arange(len(targets))
    resampler = GroupResampler(groups, targets, seed=bootstrap.seed, order=order)
    weights = map(resampler.draw, range(bootstrap.num_resamples))
    return np.array([[measure(drawn) for measure in measures] for drawn in weights])


def bootstrap_metrics(
    ranked: WeightedScores, resampler: GroupResampler, *, max_fprs: Floats, num_resamples: int
) -> tuple[dict[str, Floats], Floats]:
    """Measure every metric on each of B resamples; with many images on all cores.

    The result does not depend on how many cores there are. The ``resampler`` is over the images in
    ``ranked.order``.

    Returns:
        Metric -> ``(B,)``, and the TPR ``(B, R)`` at each of the false-positive rates ``(R,)``.
    """
    # Each process takes a second to start and a copy of what it works on.
    num_workers = min(cpu_count(), 8) if len(ranked.order) >= _MANY_IMAGES else 1
    chunks = np.array_split(np.arange(num_resamples), num_workers)
    measured = Parallel(n_jobs=num_workers)(
        delayed(_measure_resamples)(ranked, resampler, max_fprs, chunk) for chunk in chunks
    )
    rows = [row for metrics, _ in measured for row in metrics]
    metrics = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return metrics, np.concatenate([tpr for _, tpr in measured])


def _measure_resamples(
    ranked: WeightedScores, resampler: GroupResampler, max_fprs: Floats, indices: NDArray[np.int64]
) -> tuple[list[dict[str, float]], Floats]:
    metrics, tpr = [], np.empty((len(indices), len(max_fprs)))
    with threadpool_limits(1):  # products summed over threads are other sums on other machines
        for row, index in enumerate(indices):
            weights = resampler.draw(int(index))
            counts = ranked.count(weights)
            metrics.append(ranked.measure(weights, counts))
            tpr[row] = counts.tpr_at_fpr(max_fprs)
    return metrics, tpr


def measure_auc(scores: Scores, targets: Targets, groups: Groups, bootstrap: Bootstrap) -> Interval:
    """AUC of probabilities ``(N,)`` with its percentile interval; see the module for the rest."""
    ranked = WeightedScores(scores, targets)
    resampler = GroupResampler(groups, targets, seed=bootstrap.seed, order=ranked.order)
    resampled = [
        ranked.count(resampler.draw(index)).auc() for index in range(bootstrap.num_resamples)
    ]
    value = roc_auc_score(targets, scores)
    return take_interval(value, np.array(resampled), confidence=bootstrap.confidence)


def take_interval(value: float, resampled: Floats, *, confidence: float) -> Interval:
    """Percentile interval of ``resampled`` ``(B,)`` around ``value``.

    Example:
        >>> take_interval(5.0, np.arange(11.0), confidence=0.5)
        {'value': 5.0, 'low': 2.5, 'high': 7.5}
    """
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail])
    return {"value": float(value), "low": float(low), "high": float(high)}


def take_norm_interval(
    value: float, resampled: Floats, moved: Floats, *, confidence: float
) -> Interval:
    """Interval for a sum of absolute values, which noise makes larger, as the calibration error.

    Below, the triangle inequality holds: a vector measured with an error of norm ``e`` is at least
    ``value - e`` long. ``low`` takes for ``e`` the upper percentile of ``moved``, at least 0: it
    reaches 0 where nothing but noise is shown; it errs on the low side. ``high`` is the lower
    percentile of ``resampled`` mirrored at ``value``, and at least ``value``.

    Source of ``high``: Davison and Hinkley 1997, Bootstrap Methods and their Application, section
    5.2.1 (the basic bootstrap interval).

    ``value`` is the norm of the vector of all images, ``resampled``, ``(B,)``, that of each
    resample, and ``moved``, ``(B,)``, that of the difference of the two.
    """
    tail = (1.0 - confidence) / 2.0
    low = float(value - np.quantile(moved, 1.0 - tail))
    high = float(2 * value - np.quantile(resampled, tail))
    return {"value": float(value), "low": max(low, 0.0), "high": max(high, float(value))}
