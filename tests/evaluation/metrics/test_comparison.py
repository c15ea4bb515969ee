"""Detectors are compared on the same resamples; DeLong's test has the variance of all pairs."""

import json

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score, roc_curve

from face_forgery.evaluation.comparison import compare_detectors, delong_test
from face_forgery.evaluation.metrics.bootstrap import Bootstrap


def compare(scores, targets):
    how = Bootstrap(num_resamples=300, confidence=0.95, seed=0)
    return compare_detectors(scores, targets, np.arange(len(targets)), how)


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    targets = np.arange(600) % 2
    good = np.clip(rng.normal(0.4 + 0.25 * targets, 0.15), 0, 1)
    return {
        "good": good,
        "near": np.clip(good + rng.normal(0, 0.01, 600), 0, 1),
        "bad": np.clip(good + rng.normal(0, 0.3, 600), 0, 1),
    }, targets


def test_values_are_those_of_the_metrics(scored):
    scores, targets = scored
    found = compare(scores, targets)
    for name, one in scores.items():
        measured = found["detectors"][name]
        fpr, tpr, _ = roc_curve(targets, one, drop_intermediate=False)
        assert measured["auc"]["value"] == pytest.approx(auc(fpr, tpr), abs=1e-12)
        assert measured["tpr_at_fpr_1e-2"]["value"] == tpr[fpr <= 0.01].max()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_differences_are_paired(scored):
    scores, targets = scored
    found = compare(scores, targets)
    pairs = {(pair["first"], pair["second"]): pair for pair in found["pairs"]}
    assert set(pairs) == {("good", "near"), ("good", "bad"), ("near", "bad")}
    near, bad = pairs["good", "near"]["auc"], pairs["good", "bad"]["auc"]
    alone = found["detectors"]["good"]["auc"]
    assert near["high"] - near["low"] < 0.3 * (alone["high"] - alone["low"])
    assert near["low"] < 0 < near["high"]
    assert bad["low"] > 0
    assert pairs["good", "near"]["delong"]["p_value"] > 0.05
    assert pairs["good", "bad"]["delong"]["p_value"] < 1e-3


def variance_of_all_pairs(scores, targets):
    wins = np.sign(scores[targets == 1][:, None] - scores[targets == 0][None]) / 2 + 0.5
    num_fake, num_real = wins.shape
    return wins.mean(1).var(ddof=1) / num_fake + wins.mean(0).var(ddof=1) / num_real


@pytest.mark.parametrize("levels", [None, 5])
def test_the_test_against_a_coin_has_the_variance_of_all_pairs(make_scores, levels):
    scores, targets, _ = make_scores(levels=levels)
    z, _ = delong_test(scores, np.zeros(len(scores)), targets)
    difference = roc_auc_score(targets, scores) - 0.5
    assert z == pytest.approx(difference / np.sqrt(variance_of_all_pairs(scores, targets)))


def test_p_values_are_even_where_there_is_no_difference():
    rng = np.random.default_rng(0)
    targets = np.arange(120) % 2
    p_values = []
    for _ in range(300):
        shared = rng.normal(targets, 1.0)
        first, second = (shared + rng.normal(0, 1.0, 120) for _ in range(2))
        p_values.append(delong_test(first, second, targets)[1])
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.09
    assert 0.4 <= np.mean(np.array(p_values) < 0.5) <= 0.6


def test_a_difference_without_variance_is_none_or_certain():
    targets, perfect = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    assert delong_test(perfect, perfect**3, targets) == (0.0, 1.0)
    assert delong_test(perfect, np.full(4, 0.5), targets) == (np.inf, 0.0)


def test_one_image_of_a_class_has_no_variance():
    with pytest.raises(ValueError, match="1 forged and 2 real images"):
        delong_test(np.array([0.1, 0.2, 0.8]), np.zeros(3), np.array([0, 0, 1]))
