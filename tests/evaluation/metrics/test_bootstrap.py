"""Groups are drawn whole, and intervals cover what they say."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.metrics.bootstrap import (
    Bootstrap,
    GroupResampler,
    measure_auc,
    take_norm_interval,
)


def draw(targets, groups, *, index=0, seed=0):
    order = np.arange(len(targets))
    return GroupResampler(groups, targets, seed=seed, order=order).draw(index)


def test_images_of_a_group_count_equally_often_in_the_order_that_was_asked_for(make_scores):
    _, targets, groups = make_scores()
    order = np.random.default_rng(0).permutation(len(targets))
    weights = GroupResampler(groups, targets, seed=0, order=order).draw(0)
    assert all(len(set(weights[groups[order] == group])) == 1 for group in set(groups))
    assert len(set(weights)) > 2


def test_each_stratum_keeps_its_number_of_groups():
    groups = np.array(["r1", "r2", "r2", "r3", "f1", "f1", "f2", "b1", "b1", "b2", "b2", "b2"])
    targets = np.array([0, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1])
    first = np.unique(groups, return_index=True)[1]
    for index in range(20):
        times = dict(zip(groups[first], draw(targets, groups, index=index)[first], strict=True))
        for letter, num_groups in (("r", 3), ("f", 2), ("b", 2)):
            assert sum(n for name, n in times.items() if name[0] == letter) == num_groups


def test_a_resample_follows_from_seed_and_index_alone(make_scores):
    _, targets, groups = make_scores()
    assert draw(targets, groups, index=3).tolist() == draw(targets, groups, index=3).tolist()
    assert draw(targets, groups, index=3).tolist() != draw(targets, groups, index=4).tolist()
    assert draw(targets, groups, seed=1).tolist() != draw(targets, groups, seed=2).tolist()


def test_images_that_move_together_widen_the_interval(make_scores):
    scores, targets, _ = make_scores(num_images=100)
    scores, targets, copies = (np.repeat(one, 10) for one in (scores, targets, np.arange(100)))
    how = Bootstrap(num_resamples=300, confidence=0.9, seed=0)
    alone, together = (
        measure_auc(scores, targets, groups, how) for groups in (np.arange(1000), copies)
    )
    ratio = (together["high"] - together["low"]) / (alone["high"] - alone["low"])
    assert ratio == pytest.approx(np.sqrt(10), rel=0.2)


def test_the_interval_covers_the_truth_as_often_as_it_says(make_scores):
    scores, targets, _ = make_scores(num_images=100_000, seed=99)
    truth = roc_auc_score(targets, scores)
    how = Bootstrap(num_resamples=150, confidence=0.9, seed=0)
    covered = 0
    for seed in range(50):
        scores, targets, _ = make_scores(num_images=100, seed=seed)
        interval = measure_auc(scores, targets, np.arange(100), how)
        assert interval["value"] == roc_auc_score(targets, scores)
        covered += interval["low"] <= truth <= interval["high"]
    assert 40 <= covered <= 49


def test_an_image_without_a_group_is_an_error():
    with pytest.raises(ValueError, match="1 of 3 images belong to no group"):
        draw(np.array([0, 1, 1]), np.array(["a", None, "b"], dtype=object))


def test_the_interval_of_a_norm_holds_its_value_and_stays_above_zero():
    resampled, moved = np.linspace(0.035, 0.07, 101), np.linspace(0.02, 0.06, 101)
    interval = take_norm_interval(0.03, resampled, moved, confidence=0.95)
    assert interval == {"value": 0.03, "low": 0.0, "high": 0.03}
