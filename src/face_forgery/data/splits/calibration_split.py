"""Which validation images temperature and thresholds are set on, and which verify them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Targets = NDArray[np.integer[Any]]

CALIBRATION, VERIFICATION = "calibration", "verification"
"""Values of the column ``split``."""


def choose_calibration_split(
    groups: NDArray[np.generic], targets: Targets, *, seed: int
) -> NDArray[np.bool_]:
    """Deal whole groups, ``(N,)`` names, out to two splits with about as many of each class.

    Groups fall into strata by what they hold (real images only, forgeries only, both); within a
    stratum the largest are dealt first, equally large ones in random order.

    Returns:
        ``(N,)``, true in the calibration split. A class with one group is in one split only.
    """
    codes, names = pd.factorize(groups)
    num_groups = len(names)
    num_real = np.bincount(codes[targets == 0], minlength=num_groups)
    num_fake = np.bincount(codes[targets == 1], minlength=num_groups)
    rank = np.random.default_rng(seed).permutation(num_groups)
    in_calibration = np.zeros(num_groups, dtype=bool)
    gap = 0  # images that the calibration split is ahead
    for stratum in (
        (num_real > 0) & (num_fake > 0),
        (num_real > 0) & (num_fake == 0),
        (num_real == 0) & (num_fake > 0),
    ):
        members = np.flatnonzero(stratum)
        sizes = (num_real + num_fake)[members]
        members = members[np.lexsort((rank[members], -sizes))]
        # First, second, second, first, ...: neither split always gets the larger of a pair.
        turns = np.isin(np.arange(len(members)) % 4, (0, 3)) ^ (gap > 0)
        in_calibration[members] = turns
        dealt = (num_real + num_fake)[members]
        gap += int(dealt[turns].sum() - dealt[~turns].sum())
    chosen: NDArray[np.bool_] = in_calibration[codes]
    return chosen


def apply_calibration_split(
    in_calibration: NDArray[np.bool_], targets: Targets
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], bool]:
    """Return which images to set on, which to measure on, and whether these are different ones.

    Where a split lacks a class, both are all images.
    """
    splits = (in_calibration, ~in_calibration)
    if all(len(np.unique(targets[split])) == 2 for split in splits):
        return *splits, True
    return np.ones_like(in_calibration), np.ones_like(in_calibration), False


def select_verification(val_scores: pd.DataFrame, *, is_verified: bool) -> pd.DataFrame:
    """Return the rows that thresholds were not chosen on; all of them where there are none.

    Raises:
        ValueError: If the table has no column ``split``, as those of earlier releases.
    """
    if "split" not in val_scores:
        raise ValueError(
            "the validation scores have no column split; earlier releases called it half. Run the "
            "evaluation pipeline again"
        )
    return val_scores[val_scores["split"] == VERIFICATION] if is_verified else val_scores
