"""Counting weights equals repeating images; groups are drawn whole."""

import numpy as np
import pytest

from face_forgery.evaluation.metrics import binary
from face_forgery.evaluation.metrics.bootstrap import (
    GroupResampler,
    bootstrap_auc,
    bootstrap_metrics,
    take_interval,
    take_norm_interval,
)
from face_forgery.evaluation.metrics.weighted import WeightedScores

NUM_BINS = 7
MAX_FPRS = np.array([0.0, 0.01, 0.1, 0.29, 0.5, 1.0])
NAIVE = {
    "auc": binary.auc,
    "average_precision": binary.average_precision,
    "eer": binary.equal_error_rate,
    "accuracy": binary.accuracy,
    "log_loss": binary.log_loss,
    "brier": binary.brier,
    "ece": lambda scores, targets: binary.expected_calibration_error(scores, targets, NUM_BINS),
}


def make_resampler(scores, targets, groups, *, seed=0):
    ranked = WeightedScores(scores, targets, num_bins=NUM_BINS)
    return ranked, GroupResampler(groups, targets, seed=seed, order=ranked.order)


def draw(targets, groups, *, index=0, seed=0):
    order = np.arange(len(targets))
    return GroupResampler(groups, targets, seed=seed, order=order).draw(index)


@pytest.mark.parametrize("levels", [None, 10, 1])
@pytest.mark.parametrize("grouped", [True, False])
def test_metrics_of_weights_equal_metrics_of_repeated_images(make_scores, levels, grouped):
    scores, targets, groups = make_scores(levels=levels)
    ranked, resampler = make_resampler(scores, targets, groups if grouped else None)
    resampled = bootstrap_metrics(ranked, resampler, max_fprs=MAX_FPRS, num_resamples=20)
    for index in range(20):
        times = resampler.draw(index).astype(int)
        repeated = np.repeat(scores[ranked.order], times), np.repeat(targets[ranked.order], times)
        for name, metric in NAIVE.items():
            expected = pytest.approx(metric(*repeated), abs=1e-12)
            assert resampled.metrics[name][index] == expected, name
        expected_tpr = [binary.tpr_at_fpr(*repeated, max_fpr) for max_fpr in MAX_FPRS]
        assert resampled.tpr[index].tolist() == expected_tpr


def test_saturated_scores_do_not_spoil_the_log_loss():
    scores, targets = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0, 1, 0, 1])
    ranked = WeightedScores(scores, targets, num_bins=2)
    weights = np.ones(4)
    measured = ranked.measure(weights, ranked.count(weights))["log_loss"]
    assert measured == pytest.approx(binary.log_loss(scores, targets), rel=1e-12)


def test_auc_alone_is_the_auc_among_all_metrics(make_scores):
    ranked, resampler = make_resampler(*make_scores())
    alone = bootstrap_auc(ranked, resampler, num_resamples=10)
    among = bootstrap_metrics(ranked, resampler, max_fprs=MAX_FPRS, num_resamples=10)
    assert alone.tolist() == among.metrics["auc"].tolist()


def test_all_images_of_a_group_count_equally_often(make_scores):
    _, targets, groups = make_scores()
    weights = draw(targets, groups)
    for group in set(groups):
        assert len(set(weights[groups == group])) == 1
    assert len(set(weights)) > 2


def test_groups_stay_whole_when_scores_reorder_the_images(make_scores):
    scores, targets, groups = make_scores()
    ranked, resampler = make_resampler(scores, targets, groups)
    weights = np.empty(len(scores))
    weights[ranked.order] = resampler.draw(0)
    assert all(len(set(weights[groups == group])) == 1 for group in set(groups))


def test_images_without_companions_are_drawn_within_their_class(make_scores):
    _, targets, _ = make_scores(num_images=201)
    for index in range(20):
        weights = draw(targets, None, index=index)
        assert weights[targets == 0].sum() == (targets == 0).sum()
        assert weights[targets == 1].sum() == (targets == 1).sum()


def test_each_stratum_keeps_its_number_of_groups():
    groups = np.array(["r1", "r2", "r2", "r3", "f1", "f1", "f2", "b1", "b1", "b2", "b2", "b2"])
    targets = np.array([0, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1])
    first = np.unique(groups, return_index=True)[1]
    for index in range(20):
        times = dict(zip(groups[first], draw(targets, groups, index=index)[first], strict=True))
        for letter, num_groups in (("r", 3), ("f", 2), ("b", 2)):
            assert sum(n for name, n in times.items() if name[0] == letter) == num_groups


def test_both_classes_occur_in_every_resample_however_few_there_are():
    targets = np.array([0] + [1] * 30)
    weights = [draw(targets, None, index=index) for index in range(50)]
    assert all(w[0] == 1 and w[1:].sum() == 30 for w in weights)


def test_a_resample_follows_from_seed_and_index_alone(make_scores):
    _, targets, groups = make_scores()
    assert draw(targets, groups, index=3).tolist() == draw(targets, groups, index=3).tolist()
    assert draw(targets, groups, index=3).tolist() != draw(targets, groups, index=4).tolist()
    assert draw(targets, groups, seed=1).tolist() != draw(targets, groups, seed=2).tolist()


def test_images_that_move_together_widen_the_interval(make_scores):
    scores, targets, _ = make_scores(num_images=100)
    scores, targets = np.repeat(scores, 10), np.repeat(targets, 10)
    copies = np.repeat([f"g{n}" for n in range(100)], 10)
    spread = {
        name: bootstrap_auc(*make_resampler(scores, targets, groups), num_resamples=300).std()
        for name, groups in (("alone", None), ("together", copies))
    }
    assert spread["together"] == pytest.approx(spread["alone"] * np.sqrt(10), rel=0.2)


def test_the_interval_covers_the_truth_as_often_as_it_says(make_scores):
    truth = make_scores(num_images=100_000, seed=99)
    truth = binary.auc(*truth[:2])
    covered = 0
    for seed in range(100):
        scores, targets, _ = make_scores(num_images=100, seed=seed)
        resampled = bootstrap_auc(*make_resampler(scores, targets, None), num_resamples=200)
        interval = take_interval(0.0, resampled, confidence=0.9)
        covered += interval.low <= truth <= interval.high
    assert 80 <= covered <= 97


def test_an_image_without_a_group_is_an_error():
    with pytest.raises(ValueError, match="1 of 3 images belong to no group"):
        draw(np.array([0, 1, 1]), np.array(["a", None, "b"], dtype=object))


def test_processes_do_not_change_a_number(make_scores, monkeypatch):
    scores, targets, groups = make_scores()
    ranked = WeightedScores(scores, targets, num_bins=5)
    resampler = GroupResampler(groups, targets, seed=0, order=ranked.order)
    rates = np.array([0.01, 0.1])
    alone = bootstrap_metrics(ranked, resampler, max_fprs=rates, num_resamples=7)
    monkeypatch.setattr("face_forgery.evaluation.metrics.bootstrap._MANY_IMAGES", 1)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    spread = bootstrap_metrics(ranked, resampler, max_fprs=rates, num_resamples=7)
    assert (alone.tpr == spread.tpr).all()
    for name, values in alone.metrics.items():
        assert values.tolist() == spread.metrics[name].tolist()


def test_the_interval_of_a_norm_holds_its_value_and_stays_above_zero():
    resampled, moved = np.linspace(0.035, 0.07, 101), np.linspace(0.02, 0.06, 101)
    interval = take_norm_interval(0.03, resampled, moved, confidence=0.95)
    assert (interval.low, interval.value, interval.high) == (0.0, 0.03, 0.03)
