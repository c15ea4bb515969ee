"""Weights count like repeated images; slow references and scikit-learn agree, ties included."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from face_forgery.evaluation.metrics.weighted import NUM_BINS, WeightedScores, calibration_error

QUICK = settings(max_examples=40)


@st.composite
def weighted_images(draw):
    """Scores on a coarse grid, so that ties within and across classes are common, and weights."""
    images = []
    for target in (0, 1):
        image = st.tuples(st.integers(0, 20), st.integers(0, 3), st.just(target))
        counted = st.tuples(st.integers(0, 20), st.just(1), st.just(target))
        images += [draw(counted), *draw(st.lists(image, max_size=25))]
    levels, weights, targets = np.array(draw(st.permutations(images))).T
    return levels / 20, targets, weights


def measure(scores, targets, weights=None):
    """Metrics by name, and the TPR at a rate."""
    ranked = WeightedScores(scores, targets)
    weights = np.ones(len(scores)) if weights is None else weights[ranked.order].astype(float)
    counts = ranked.count(weights)
    return ranked.measure(weights, counts), lambda *rates: counts.tpr_at_fpr(rates).tolist()


def roc_points(scores, targets):
    """FPR and TPR of every threshold, counted one by one."""
    reals, fakes = scores[targets == 0], scores[targets == 1]
    thresholds = [np.inf, *sorted(set(scores), reverse=True)]
    return [((reals >= t).mean(), (fakes >= t).mean()) for t in thresholds]


@QUICK
@given(weighted_images())
def test_scikit_learn_agrees_on_the_repeated_images(data):
    scores, targets, weights = data
    measured, _ = measure(scores, targets, weights)
    scores, targets = np.repeat(scores, weights), np.repeat(targets, weights)
    expected = {
        "auc": sklearn_metrics.roc_auc_score(targets, scores),
        "partial_auc_fpr_1e-1": sklearn_metrics.roc_auc_score(targets, scores, max_fpr=0.1),
        "average_precision": sklearn_metrics.average_precision_score(targets, scores),
        "accuracy": sklearn_metrics.accuracy_score(targets, scores >= 0.5),
        "log_loss": sklearn_metrics.log_loss(targets, scores),
        "brier": sklearn_metrics.brier_score_loss(targets, scores),
    }
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-12)


@QUICK
@given(weighted_images(), st.integers(0, 20))
def test_tpr_is_that_of_all_thresholds(data, percent):
    scores, targets, weights = data
    _, tpr_at = measure(scores, targets, weights)
    scores, targets = np.repeat(scores, weights), np.repeat(targets, weights)
    allowed = [tpr for fpr, tpr in roc_points(scores, targets) if fpr <= percent / 20]
    assert tpr_at(percent / 20) == [max(allowed)]


@QUICK
@given(weighted_images())
def test_equal_error_rate_lies_where_the_roc_curve_crosses_the_diagonal(data):
    scores, targets, weights = data
    measured, _ = measure(scores, targets, weights)
    points = roc_points(np.repeat(scores, weights), np.repeat(targets, weights))
    grid = np.linspace(0, 1, 4001)
    fpr = np.concatenate([a[0] + grid * (b[0] - a[0]) for a, b in pairwise(points)])
    tpr = np.concatenate([a[1] + grid * (b[1] - a[1]) for a, b in pairwise(points)])
    nearest = int(np.argmin(np.abs(fpr + tpr - 1)))
    assert measured["eer"] == pytest.approx(fpr[nearest], abs=1e-3)


@QUICK
@given(weighted_images())
def test_calibration_error_compares_score_and_proportion_in_each_bin(data):
    scores, targets, weights = data
    measured, _ = measure(scores, targets, weights)
    scores, targets = np.repeat(scores, weights), np.repeat(targets, weights)
    total = 0.0
    for k in range(NUM_BINS):
        inside = np.array([min(int(s * NUM_BINS), NUM_BINS - 1) == k for s in scores])
        if inside.any():
            total += inside.mean() * abs(scores[inside].mean() - targets[inside].mean())
    assert measured["ece"] == pytest.approx(total, abs=1e-12)
    assert calibration_error(scores, targets) == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("max_fpr", [0.003, 0.1, 0.5])
def test_the_partial_auc_ends_where_it_is_told_to(make_scores, max_fpr):
    scores, targets, _ = make_scores()
    counts = WeightedScores(scores, targets).count(np.ones(len(scores)))
    expected = sklearn_metrics.roc_auc_score(targets, scores, max_fpr=max_fpr)
    assert counts.partial_auc(max_fpr) == pytest.approx(expected, abs=1e-12)


def test_tpr_spends_the_whole_allowance_where_rounding_could_lose_one():
    scores = np.concatenate([np.linspace(0, 1, 100), [0.715]])
    targets = np.array([0] * 100 + [1])  # 29 of 100 reals score above; 0.29 * 100 < 29 in floats
    _, tpr_at = measure(scores, targets)
    assert tpr_at(0.28, 0.29) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([0.1, 0.9], [0, 0], "no forged image among 2"),
        ([0.1, 0.9], [1, 1], "no real image among 2"),
        ([0.1, float("nan"), 0.3], [0, 1, 1], "1 of 3 scores are NaN or infinite"),
        ([0.1, 0.2, 0.3, 0.4], [0, 1, 2, -1], "2 of 4 targets are neither"),
        ([0.1, 0.2, 0.3], [0, 1], r"scores \(3,\) and targets \(2,\)"),
        ([0.5, 1.5], [0, 1], r"1 of 2 scores lie outside \[0, 1\]"),
    ],
)
def test_scores_that_cannot_be_measured_are_an_error(scores, targets, message):
    with pytest.raises(ValueError, match=message):
        WeightedScores(np.array(scores), np.array(targets))
