"""DeLong's variance of the AUC: intervals and paired tests without resampling.

Images count as independent: where they come in groups, the bootstrap by group is the one to trust.

Sources: DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44); the computation by midranks in
O(N log N) is that of Sun and Xu 2014 (IEEE Signal Processing Letters 21).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.stats import norm, rankdata

from face_forgery.evaluation.metrics.binary import Scores, Targets, check_scores
from face_forgery.evaluation.metrics.bootstrap import Interval
from face_forgery.evaluation.metrics.weighted import Floats


@dataclass(frozen=True)
class PairedTest:
    """Whether one detector ranks the same images better than another."""

    difference: float  # AUC of the first less AUC of the second
    standard_error: float
    z: float
    p_value: float  # two-sided


def delong_interval(scores: Scores, targets: Targets, *, confidence: float) -> Interval:
    """AUC with DeLong's interval on the logit scale, so that it stays inside [0, 1].

    Where all images of a class rank alike (a perfect, a reversed or a constant score) there is no
    variance to measure, and the interval is a point.

    Args:
        scores: ``(N,)``, higher means more likely forged.
        targets: ``(N,)``, 0 = real, 1 = forged; at least two images of each class.
        confidence: In (0, 1).

    Raises:
        ValueError: If the arrays do not fit together or a class has fewer than two images.
    """
    auc, fakes, reals = _placements(scores, targets)
    variance = _variance(fakes, fakes) + _variance(reals, reals)
    if variance == 0:
        return Interval(auc, auc, auc)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    center = np.log(auc / (1 - auc))
    reach = z * np.sqrt(variance) / (auc * (1 - auc))
    low, high = (float(1 / (1 + np.exp(-(center + side * reach)))) for side in (-1, 1))
    return Interval(auc, low, high)


def delong_test(first: Scores, second: Scores, targets: Targets) -> PairedTest:
    """Test whether two detectors have the same AUC on the same images.

    Args:
        first: ``(N,)``, higher means more likely forged.
        second: ``(N,)``, of the same images.
        targets: ``(N,)``, 0 = real, 1 = forged; at least two images of each class.

    Returns:
        A p-value of 1 where the two rank every pair alike; 0 where they differ by the same in every
        image, so that there is no variance.

    Raises:
        ValueError: As ``delong_interval``.
    """
    auc_first, fakes_first, reals_first = _placements(first, targets)
    auc_second, fakes_second, reals_second = _placements(second, targets)
    fakes, reals = fakes_first - fakes_second, reals_first - reals_second
    error = float(np.sqrt(_variance(fakes, fakes) + _variance(reals, reals)))
    difference = auc_first - auc_second
    if error == 0:
        z = float(np.sign(difference) * np.inf) if difference else 0.0
        return PairedTest(difference, error, z, 0.0 if difference else 1.0)
    z = difference / error
    return PairedTest(difference, error, z, float(2 * norm.sf(abs(z))))


def _placements(scores: Scores, targets: Targets) -> tuple[float, Floats, Floats]:
    """AUC, and for each forgery and each real image the share of the other class it beats."""
    scores, targets = check_scores(scores, targets)
    fakes, reals = scores[targets == 1], scores[targets == 0]
    if min(len(fakes), len(reals)) < 2:
        raise ValueError(
            f"{len(fakes)} forged and {len(reals)} real images; a variance needs two of each"
        )
    among_all = rankdata(np.concatenate([fakes, reals]))
    of_fakes = (among_all[: len(fakes)] - rankdata(fakes)) / len(reals)
    of_reals = 1 - (among_all[len(fakes) :] - rankdata(reals)) / len(fakes)
    return float(of_fakes.mean()), of_fakes, of_reals


def _variance(first: Floats, second: Floats) -> float:
    """Covariance of the means of two samples."""
    return float(np.cov(first, second)[0, 1] / len(first))
