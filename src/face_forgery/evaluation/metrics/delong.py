"""DeLong's test: whether two detectors have the same AUC on the same images, without resampling.

Images count as independent: where they come in groups, the bootstrap by group is the one to trust.

Sources: DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44); the computation by midranks in
O(N log N) is that of Sun and Xu 2014 (IEEE Signal Processing Letters 21).
"""

import numpy as np
from scipy.stats import norm, rankdata

from face_forgery.evaluation.metrics.weighted import Floats, Scores, Targets, check_scores


def delong_test(first: Scores, second: Scores, targets: Targets) -> tuple[float, float]:
    """Test whether two detectors have the same AUC on the same images.

    Args:
        first: ``(N,)``, higher means more likely forged.
        second: ``(N,)``, of the same images.
        targets: ``(N,)``, 0 = real, 1 = forged; at least two images of each class.

    Returns:
        ``z`` of the first AUC less the second, and the two-sided p-value. Where the difference has
        no variance, z is 0 or infinite: the two rank every pair alike, or differ by the same in
        every image.

    Raises:
        ValueError: If the arrays do not fit together or a class has fewer than two images.
    """
    auc_first, fakes_first, reals_first = _placements(first, targets)
    auc_second, fakes_second, reals_second = _placements(second, targets)
    variance = _variance(fakes_first - fakes_second) + _variance(reals_first - reals_second)
    difference = auc_first - auc_second
    if variance == 0:
        return (float(np.sign(difference) * np.inf), 0.0) if difference else (0.0, 1.0)
    z = difference / float(np.sqrt(variance))
    return z, float(2 * norm.sf(abs(z)))


def _placements(scores: Scores, targets: Targets) -> tuple[float, Floats, Floats]:
    """AUC, and for each forgery and each real image the proportion of the other class it beats."""
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


def _variance(values: Floats) -> float:
    """Variance of the mean of a sample."""
    return float(values.var(ddof=1) / len(values))
