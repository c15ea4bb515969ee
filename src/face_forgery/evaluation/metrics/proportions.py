"""A proportion of images with an interval that stays honest for rare events and for groups."""

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import gamma

from face_forgery.evaluation.metrics.weighted import Groups

if TYPE_CHECKING:
    from face_forgery.evaluation.metrics.bootstrap import Interval


def measure_proportion(hits: NDArray[np.bool_], groups: Groups, *, confidence: float) -> "Interval":
    """Proportion of hits with Wilson's interval, which has a width even where nothing was hit.

    Images of one group are not independent. The interval is that of ``N / deff`` independent
    images, where the design effect ``deff`` is the variance of the proportion between groups over
    the variance that independent images would have; where the hits say nothing about it (none or
    all), it is the worst case, the size of the group that an average image is in.

    Sources: Wilson 1927 (Journal of the American Statistical Association 22); Kish 1965, Survey
    Sampling, section 8.2; Korn and Graubard 1998 (Survey Methodology 24) for the effective size.

    Raises:
        ValueError: If there is no image in ``hits``, ``(N,)``.
    """
    if not len(hits):
        raise ValueError("there are no images to take a proportion of")
    value = float(hits.mean())
    size = len(hits) / _design_effect(hits, value, groups)
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    center = (value + z * z / (2.0 * size)) / (1.0 + z * z / size)
    spread = z * np.sqrt(value * (1.0 - value) / size + (z / (2.0 * size)) ** 2)
    reach = float(spread / (1.0 + z * z / size))
    low, high = max(center - reach, 0.0), min(center + reach, 1.0)
    return {"value": value, "low": min(low, value), "high": max(high, value)}


def measure_rare_rate(hits: NDArray[np.bool_], groups: Groups, *, confidence: float) -> "Interval":
    """Proportion of hits with an interval that holds where only a few groups have any.

    `measure_proportion` learns from the hits how alike the images of a group are; where few groups
    have hits, it learns too little, and its upper end lies too low (docs/interval_coverage.md).
    Here hits of a group are one event of its own size, and the next event may be as large as the
    largest group. The interval is wider than it need be rather than too narrow.

    Source: Fay and Feuer 1997, Confidence intervals for directly standardized rates: a method based
    on the gamma distribution, Statistics in Medicine 16.

    Raises:
        ValueError: If there is no image in ``hits``, ``(N,)``.
    """
    if not len(hits):
        raise ValueError("there are no images to take a proportion of")
    codes = pd.factorize(groups)[0]
    events = np.bincount(codes, weights=hits) / len(hits)
    value, variance = float(hits.mean()), float((events**2).sum())
    next_event = float(np.bincount(codes).max() / len(hits))
    tail = (1.0 - confidence) / 2.0

    def quantile(probability: float, mean: float, spread: float) -> float:
        return float(gamma.ppf(probability, mean**2 / spread, scale=spread / mean))

    low = quantile(tail, value, variance) if value else 0.0
    high = quantile(1.0 - tail, value + next_event, variance + next_event**2)
    return {"value": value, "low": min(low, value), "high": min(max(high, value), 1.0)}


def _design_effect(hits: NDArray[np.bool_], value: float, groups: Groups) -> float:
    codes, names = pd.factorize(groups)
    num_groups, num_images = len(names), len(hits)
    sizes = np.bincount(codes, minlength=num_groups)
    worst = float((sizes**2).sum() / num_images)
    if num_groups == 1 or value in (0.0, 1.0):
        return worst
    excess = np.bincount(codes, weights=hits - value, minlength=num_groups)
    between = num_groups / (num_groups - 1) * float(np.square(excess).sum())
    return min(max(between / (num_images * value * (1.0 - value)), 1.0), worst)
