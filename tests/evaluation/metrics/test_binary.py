"""Metrics agree with slow references and with scikit-learn, ties included."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from face_forgery.evaluation.metrics.binary import (
    accuracy,
    auc,
    average_precision,
    brier,
    equal_error_rate,
    expected_calibration_error,
    log_loss,
    partial_auc,
    tpr_at_fpr,
)
from face_forgery.evaluation.metrics.weighted import WeightedScores

RANKING = [
    auc,
    average_precision,
    equal_error_rate,
    lambda scores, targets: tpr_at_fpr(scores, targets, 0.1),
    lambda scores, targets: partial_auc(scores, targets, 0.1),
]
QUICK = settings(max_examples=40)

EVERY = [
    *RANKING,
    accuracy,
    log_loss,
    brier,
    lambda scores, targets: expected_calibration_error(scores, targets, 10),
]


@st.composite
def scored_images(draw):
    """Scores on a coarse grid, so that ties within and across classes are common."""
    levels = st.integers(0, 20)
    reals = draw(st.lists(levels, min_size=1, max_size=25))
    fakes = draw(st.lists(levels, min_size=1, max_size=25))
    scores = np.array(reals + fakes) / 20
    targets = np.array([0] * len(reals) + [1] * len(fakes))
    order = np.array(draw(st.permutations(range(len(scores)))))
    return scores[order], targets[order]


def rates(scores, targets, threshold):
    """FPR and TPR of ``score >= threshold``, counted one by one."""
    called = [score >= threshold for score in scores]
    num_real, num_fake = list(targets).count(0), list(targets).count(1)
    false = sum(c and t == 0 for c, t in zip(called, targets, strict=True))
    true = sum(c and t == 1 for c, t in zip(called, targets, strict=True))
    return false / num_real, true / num_fake


def every_roc_point(scores, targets):
    return [rates(scores, targets, t) for t in [np.inf, *sorted(set(scores), reverse=True)]]


@QUICK
@given(scored_images())
def test_auc_is_the_chance_that_a_forgery_scores_higher(data):
    scores, targets = data
    fakes, reals = scores[targets == 1], scores[targets == 0]
    wins = [1.0 if f > r else 0.5 if f == r else 0.0 for f in fakes for r in reals]
    assert auc(scores, targets) == pytest.approx(np.mean(wins), abs=1e-12)


@QUICK
@given(scored_images())
def test_average_precision_sums_precision_over_steps_of_recall(data):
    scores, targets = data
    total, last_recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        called = scores >= threshold
        recall = rates(scores, targets, threshold)[1]
        total += (recall - last_recall) * targets[called].mean()
        last_recall = recall
    assert average_precision(scores, targets) == pytest.approx(total, abs=1e-12)


@QUICK
@given(scored_images())
def test_equal_error_rate_lies_where_the_roc_curve_crosses_the_diagonal(data):
    scores, targets = data
    points = every_roc_point(scores, targets)
    grid = np.linspace(0, 1, 4001)
    fpr = np.concatenate([a[0] + grid * (b[0] - a[0]) for a, b in pairwise(points)])
    tpr = np.concatenate([a[1] + grid * (b[1] - a[1]) for a, b in pairwise(points)])
    nearest = int(np.argmin(np.abs(fpr + tpr - 1)))
    assert equal_error_rate(scores, targets) == pytest.approx(fpr[nearest], abs=1e-3)


@QUICK
@given(scored_images(), st.integers(0, 20))
def test_tpr_at_fpr_is_the_best_rate_of_an_allowed_threshold(data, percent):
    scores, targets = data
    max_fpr = percent / 20
    allowed = [tpr for fpr, tpr in every_roc_point(scores, targets) if fpr <= max_fpr]
    assert tpr_at_fpr(scores, targets, max_fpr) == max(allowed)


def test_tpr_at_fpr_spends_the_whole_allowance_where_rounding_could_lose_one():
    scores = np.concatenate([np.linspace(0, 1, 100), [0.715]])
    targets = np.array([0] * 100 + [1])  # 29 of 100 reals score above; 0.29 * 100 < 29 in floats
    assert tpr_at_fpr(scores, targets, 0.29) == 1.0
    assert tpr_at_fpr(scores, targets, 0.28) == 0.0


def test_a_threshold_takes_all_equal_scores_or_none():
    scores = np.array([0.2, 0.9, 0.9, 0.9])
    targets = np.array([0, 0, 1, 1])
    assert tpr_at_fpr(scores, targets, 0.4) == 0.0
    assert tpr_at_fpr(scores, targets, 0.5) == 1.0


@QUICK
@given(scored_images())
def test_log_loss_and_brier_are_means_over_images(data):
    scores, targets = data
    inside = 0.05 + 0.9 * scores
    likelihood = np.where(targets == 1, inside, 1 - inside)
    assert log_loss(inside, targets) == pytest.approx(-np.log(likelihood).mean(), abs=1e-12)
    assert brier(inside, targets) == pytest.approx(((inside - targets) ** 2).mean(), abs=1e-12)


@QUICK
@given(scored_images(), st.integers(1, 12))
def test_calibration_error_compares_score_and_share_in_each_bin(data, num_bins):
    scores, targets = data
    total = 0.0
    for k in range(num_bins):
        inside = np.array([min(int(s * num_bins), num_bins - 1) == k for s in scores])
        if inside.any():
            total += inside.mean() * abs(scores[inside].mean() - targets[inside].mean())
    assert expected_calibration_error(scores, targets, num_bins) == pytest.approx(total, abs=1e-12)


def test_a_score_of_one_falls_into_the_last_bin():
    scores, targets = np.array([1.0, 0.95, 0.0]), np.array([1, 1, 0])
    assert expected_calibration_error(scores, targets, 10) == pytest.approx(0.05 / 3)


def test_a_score_of_one_half_counts_as_forged():
    assert accuracy(np.array([0.5, 0.4]), np.array([1, 0])) == 1.0


def test_sklearn_agrees_on_many_scores_without_ties():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 5000)
    scores = np.clip(rng.normal(0.4 + 0.2 * targets, 0.2), 0.001, 0.999)
    assert auc(scores, targets) == pytest.approx(
        sklearn_metrics.roc_auc_score(targets, scores), abs=1e-12
    )
    assert log_loss(scores, targets) == pytest.approx(
        sklearn_metrics.log_loss(targets, scores), abs=1e-12
    )
    fpr, tpr, _ = sklearn_metrics.roc_curve(targets, scores)
    assert tpr_at_fpr(scores, targets, 0.01) == pytest.approx(tpr[fpr <= 0.01].max(), abs=1e-12)


@QUICK
@given(scored_images(), st.floats(0.5, 4.0))
def test_ranking_metrics_do_not_change_under_monotone_maps(data, power):
    scores, targets = data
    mapped = np.exp(scores) ** power - 7.0
    for metric in RANKING:
        assert metric(mapped, targets) == metric(scores, targets)


@QUICK
@given(scored_images())
def test_metrics_do_not_depend_on_the_order_of_images(data):
    scores, targets = data
    for metric in EVERY:
        assert metric(scores[::-1], targets[::-1]) == pytest.approx(
            metric(scores, targets), abs=1e-12
        )


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize(("target", "missing"), [(0, "no forged image"), (1, "no real image")])
def test_one_class_is_an_error_that_names_the_missing_one(metric, target, missing):
    with pytest.raises(ValueError, match=missing):
        metric(np.array([0.1, 0.9]), np.full(2, target))


@pytest.mark.parametrize("metric", EVERY)
def test_nan_scores_are_an_error_with_their_number(metric):
    with pytest.raises(ValueError, match="1 of 3 scores are NaN or infinite"):
        metric(np.array([0.1, np.nan, 0.3]), np.array([0, 1, 1]))


@pytest.mark.parametrize("metric", EVERY)
def test_other_targets_are_an_error_with_their_number(metric):
    with pytest.raises(ValueError, match="2 of 4 targets are neither"):
        metric(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 2, -1]))


def test_arrays_of_different_length_are_an_error():
    with pytest.raises(ValueError, match=r"scores \(3,\) and targets \(2,\)"):
        auc(np.array([0.1, 0.2, 0.3]), np.array([0, 1]))


@pytest.mark.parametrize("metric", EVERY[len(RANKING) :])
def test_a_score_outside_zero_and_one_is_no_probability(metric):
    with pytest.raises(ValueError, match=r"1 of 2 scores lie outside \[0, 1\]"):
        metric(np.array([0.5, 1.5]), np.array([0, 1]))


def test_a_rate_outside_zero_and_one_is_an_error():
    with pytest.raises(ValueError, match=r"max_fpr=1\.5"):
        tpr_at_fpr(np.array([0.1, 0.2]), np.array([0, 1]), 1.5)


def test_no_bins_are_an_error():
    with pytest.raises(ValueError, match="num_bins=0"):
        expected_calibration_error(np.array([0.1, 0.2]), np.array([0, 1]), 0)


@pytest.mark.parametrize("levels", [None, 7])
@pytest.mark.parametrize("max_fpr", [0.003, 0.1, 0.5])
def test_partial_auc_of_repeated_images_is_that_of_weights(make_scores, levels, max_fpr):
    scores, targets, _ = make_scores(levels=levels)
    weights = np.random.default_rng(0).integers(0, 4, len(scores))
    ranked = WeightedScores(scores, targets, num_bins=1)
    found = ranked.count(weights[ranked.order].astype(float)).partial_auc(max_fpr)
    repeated = partial_auc(np.repeat(scores, weights), np.repeat(targets, weights), max_fpr)
    assert found == pytest.approx(repeated, abs=1e-12)


@pytest.mark.parametrize("max_fpr", [0.0, 1.0, float("nan")])
def test_a_partial_auc_ends_between_0_and_1(max_fpr):
    with pytest.raises(ValueError, match="max_fpr="):
        partial_auc(np.array([0.1, 0.9]), np.array([0, 1]), max_fpr)
