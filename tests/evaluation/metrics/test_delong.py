"""DeLong's variance is that of all pairs, and agrees with the bootstrap."""

import numpy as np
import pytest

from face_forgery.evaluation.metrics import binary
from face_forgery.evaluation.metrics.bootstrap import GroupResampler, bootstrap_auc, take_interval
from face_forgery.evaluation.metrics.delong import delong_interval, delong_test
from face_forgery.evaluation.metrics.weighted import WeightedScores


def variance_of_all_pairs(scores, targets):
    wins = np.sign(scores[targets == 1][:, None] - scores[targets == 0][None]) / 2 + 0.5
    num_fake, num_real = wins.shape
    return wins.mean(1).var(ddof=1) / num_fake + wins.mean(0).var(ddof=1) / num_real


@pytest.mark.parametrize("levels", [None, 5])
def test_the_test_against_a_coin_has_the_variance_of_all_pairs(make_scores, levels):
    scores, targets, _ = make_scores(levels=levels)
    test = delong_test(scores, np.zeros(len(scores)), targets)
    assert test.difference == pytest.approx(binary.auc(scores, targets) - 0.5, abs=1e-12)
    assert test.standard_error**2 == pytest.approx(variance_of_all_pairs(scores, targets))


def test_the_interval_agrees_with_the_bootstrap(make_scores):
    scores, targets, _ = make_scores(num_images=600, shift=0.15)
    ranked = WeightedScores(scores, targets, num_bins=1)
    resampler = GroupResampler(None, targets, seed=0, order=ranked.order)
    resampled = bootstrap_auc(ranked, resampler, num_resamples=1000)
    expected = take_interval(binary.auc(scores, targets), resampled, confidence=0.95)
    found = delong_interval(scores, targets, confidence=0.95)
    assert found.value == pytest.approx(expected.value, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_the_same_ranking_is_no_difference(make_scores):
    scores, targets, _ = make_scores()
    test = delong_test(scores, scores**3, targets)
    assert (test.difference, test.z, test.p_value) == (0.0, 0.0, 1.0)


def test_p_values_are_even_where_there_is_no_difference():
    rng = np.random.default_rng(0)
    targets = np.arange(120) % 2
    p_values = []
    for _ in range(300):
        shared = rng.normal(targets, 1.0)
        first, second = (shared + rng.normal(0, 1.0, 120) for _ in range(2))
        p_values.append(delong_test(first, second, targets).p_value)
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.09
    assert 0.4 <= np.mean(np.array(p_values) < 0.5) <= 0.6


def test_a_perfect_ranking_has_a_point_for_an_interval():
    interval = delong_interval(
        np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1]), confidence=0.9
    )
    assert (interval.low, interval.value, interval.high) == (1.0, 1.0, 1.0)


def test_a_perfect_score_differs_from_a_constant_one():
    targets = np.array([0, 0, 1, 1])
    test = delong_test(np.array([0.1, 0.2, 0.8, 0.9]), np.full(4, 0.5), targets)
    assert (test.difference, test.z, test.p_value) == (0.5, np.inf, 0.0)


def test_one_image_of_a_class_has_no_variance():
    with pytest.raises(ValueError, match="1 forged and 2 real images"):
        delong_interval(np.array([0.1, 0.2, 0.8]), np.array([0, 0, 1]), confidence=0.9)
