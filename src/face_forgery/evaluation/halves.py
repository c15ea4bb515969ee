"""Two halves of the validation images: what is set on one is measured on the other."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.evaluation.metrics.binary import Targets


def split_halves(
    groups: NDArray[np.generic] | None, targets: Targets, *, seed: int
) -> NDArray[np.bool_]:
    """Deal whole groups out to two halves that hold about as many images of each class.

    Groups fall into strata by what they hold (real images only, forgeries only, both); within a
    stratum the largest are dealt first, equally large ones in random order.

    Args:
        groups: ``(N,)``, equal for images that belong together; ``None``: each is on its own.
        targets: ``(N,)``, 0 = real, 1 = forged.
        seed: Any number from 0.

    Returns:
        ``(N,)``, true in the first half. A half may lack a class where a class has one group.
    """
    if groups is None:
        codes, num_groups = np.arange(len(targets)), len(targets)
    else:
        codes, names = pd.factorize(groups)
        num_groups = len(names)
    num_real = np.bincount(codes[targets == 0], minlength=num_groups)
    num_fake = np.bincount(codes[targets == 1], minlength=num_groups)
    luck = np.random.default_rng(seed).permutation(num_groups)
    is_first = np.zeros(num_groups, dtype=bool)
    gap = 0  # images that the first half is ahead
    for stratum in (
        (num_real > 0) & (num_fake > 0),
        (num_real > 0) & (num_fake == 0),
        (num_real == 0) & (num_fake > 0),
    ):
        members = np.flatnonzero(stratum)
        sizes = (num_real + num_fake)[members]
        members = members[np.lexsort((luck[members], -sizes))]
        # First, second, second, first, ...: neither half always gets the larger of a pair.
        turns = np.isin(np.arange(len(members)) % 4, (0, 3)) ^ (gap > 0)
        is_first[members] = turns
        dealt = (num_real + num_fake)[members]
        gap += int(dealt[turns].sum() - dealt[~turns].sum())
    halves: NDArray[np.bool_] = is_first[codes]
    return halves
