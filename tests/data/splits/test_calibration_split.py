"""The two splits have no group in common and hold about as many images of each class."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.splits.calibration_split import (
    choose_calibration_split,
    select_verification,
)


def test_groups_stay_whole_and_classes_even():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 120, 1000)
    targets = (rng.random(1000) < 0.3).astype(np.int64)
    targets[groups < 40] = 0
    chosen = choose_calibration_split(groups.astype(str), targets, seed=0)
    assert not set(groups[chosen]) & set(groups[~chosen])
    for target in (0, 1):
        assert 0.45 < chosen[targets == target].mean() < 0.55


def test_the_seed_decides_which_image_is_where_and_the_rest_makes_up_for_a_large_group():
    groups = np.array(["large"] * 50 + [f"g{n}" for n in range(50)])
    splits = [choose_calibration_split(groups, np.zeros(100, int), seed=seed) for seed in (0, 0, 1)]
    assert (splits[0] == splits[1]).all()
    assert (splits[0] != splits[2]).any()
    assert 40 <= splits[0].sum() <= 75


def test_scores_of_an_earlier_release_say_what_to_do():
    with pytest.raises(ValueError, match="no column split; earlier releases called it half"):
        select_verification(pd.DataFrame({"half": ["fit"]}), is_verified=True)
