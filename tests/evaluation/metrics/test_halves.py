"""Two halves share no group and hold about as many images of each class."""

import numpy as np
import pytest

from face_forgery.evaluation.halves import split_halves


@pytest.mark.parametrize("seed", [0, 1])
def test_groups_stay_whole_and_classes_even(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 120, 1000)
    targets = (rng.random(1000) < 0.3).astype(np.int64)
    targets[groups < 40] = 0
    is_first = split_halves(groups.astype(str), targets, seed=seed)
    assert not set(groups[is_first]) & set(groups[~is_first])
    for target in (0, 1):
        share = is_first[targets == target].mean()
        assert 0.45 < share < 0.55


def test_images_without_groups_are_dealt_one_by_one():
    targets = np.array([0] * 10 + [1] * 4)
    is_first = split_halves(None, targets, seed=0)
    assert is_first[:10].sum() == 5
    assert is_first[10:].sum() == 2


def test_the_seed_decides_who_is_where():
    targets = np.arange(100) % 2
    halves = [split_halves(None, targets, seed=seed).tolist() for seed in (0, 0, 1)]
    assert halves[0] == halves[1] != halves[2]


def test_one_large_group_is_made_up_for_by_the_rest():
    groups = np.array(["large"] * 50 + [f"g{n}" for n in range(50)])
    targets = np.array([0] * 100 + [])
    is_first = split_halves(groups, targets, seed=0)
    assert 40 <= is_first.sum() <= 75
