"""The evaluation report keeps its shape, and says what it could not measure."""

import json

import numpy as np
import pytest

from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.metrics.metric_report import evaluate
from face_forgery.evaluation.metrics.weighted import WeightedScores

CONTRACT = {
    *("auc", "partial_auc_fpr_1e-1", "average_precision", "eer", "accuracy", "log_loss", "brier"),
    *("ece", "tpr_at_fpr_1e-2", "tpr_at_fpr_5e-3", "tpr_at_fpr_1e-3"),
}
BOOTSTRAP = Bootstrap(num_resamples=100, confidence=0.95, seed=0)


def judge(scores, targets, groups=None):
    """Metrics, of images that are each a group of its own where no groups are given."""
    groups = np.arange(len(targets)) if groups is None else groups
    return evaluate(scores, targets, groups, BOOTSTRAP)[0]


def test_metrics_have_the_names_of_the_contract_and_values_inside_their_intervals(make_scores):
    scores, targets, groups = make_scores(num_images=2400)
    metrics = judge(scores, targets, groups)
    assert set(metrics) == CONTRACT | {"notes", "counts", "bootstrap"}
    counts = {"num_images": 2400, "num_real": 1200, "num_fake": 1200}
    assert metrics["counts"] == counts | {"num_groups": len(set(groups))}
    for name in CONTRACT:
        assert set(metrics[name]) == {"value", "low", "high"}
    measured = [metrics[name] for name in CONTRACT]
    assert all(one["low"] <= one["value"] <= one["high"] for one in measured)
    assert set(metrics["notes"]) == {"tpr_at_fpr_1e-3"}
    assert metrics["notes"]["tpr_at_fpr_1e-3"].startswith(
        "The interval is open below: among 1,200 real images"
    )


def test_a_rate_below_one_real_image_is_null_and_has_a_note(make_scores):
    metrics = judge(*make_scores(num_images=300))
    assert metrics["tpr_at_fpr_1e-2"]["value"] is not None
    for name, needed in (("tpr_at_fpr_5e-3", "200"), ("tpr_at_fpr_1e-3", "1,000")):
        assert metrics[name] == {"value": None, "low": None, "high": None}
        assert "150 real images cannot show" in metrics["notes"][name]
        assert f"At least {needed} are needed" in metrics["notes"][name]


@pytest.mark.parametrize(("num_real", "is_resolved"), [(999, False), (1000, True)])
def test_a_rate_of_exactly_one_real_image_is_resolved(num_real, is_resolved):
    scores = np.linspace(0, 1, num_real + 5)
    targets = np.array([0] * num_real + [1] * 5)
    metrics = judge(scores, targets)
    assert (metrics["tpr_at_fpr_1e-3"]["value"] is not None) == is_resolved


def test_an_interval_without_width_is_explained():
    scores, targets = np.array([0.1] * 5 + [0.9] * 5), np.array([0] * 5 + [1] * 5)
    notes = judge(scores, targets)["notes"]
    assert "has no width" in notes["auc"]


def test_metrics_are_plain_json_and_follow_from_the_seed(make_scores):
    images = make_scores()
    metrics = judge(*images)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics == judge(*images)
    other, _ = evaluate(*images, Bootstrap(num_resamples=100, confidence=0.95, seed=1))
    assert metrics["auc"]["low"] != other["auc"]["low"]


@pytest.mark.parametrize("num_images", [10, 400, 5000])
def test_roc_curve_is_the_staircase_of_allowed_rates(make_scores, num_images):
    scores, targets, groups = make_scores(num_images)
    _, curve = evaluate(scores, targets, groups, BOOTSTRAP)
    counts = WeightedScores(scores, targets).count(np.ones(num_images))
    assert len(curve) <= 200
    assert curve["fpr"].iloc[[0, -1]].tolist() == [0.0, 1.0]
    assert curve["tpr"].tolist() == counts.tpr_at_fpr(curve["fpr"]).tolist()
    assert curve["false_positives"].is_monotonic_increasing
    assert (curve["low"] <= curve["high"]).all()
    if num_images == 5000:
        assert curve["false_positives"][:20].tolist() == list(range(20))


def test_the_interval_of_the_calibration_error_reaches_0_where_only_noise_is_shown():
    reached = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        scores = rng.uniform(size=500)
        targets = (rng.uniform(size=500) < scores).astype(int)
        reached += judge(scores, targets)["ece"]["low"] == 0
    assert reached >= 13


@pytest.mark.parametrize(("num_real", "is_bounded"), [(735, False), (736, True)])
def test_an_interval_is_open_below_where_no_real_image_bounds_the_threshold(num_real, is_bounded):
    # (1 - 0.005)^735 = 0.0251, (1 - 0.005)^736 = 0.0250: half of what 95 % may miss
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], num_real)
    scores = 1 / (1 + np.exp(-rng.normal(3.0 * targets)))
    metrics = judge(scores, targets)
    interval = metrics["tpr_at_fpr_5e-3"]
    assert (interval["low"] > 0) == is_bounded
    assert interval["low"] <= interval["value"] <= interval["high"] < 1
    assert ("736 real images would bound it" in metrics["notes"].get("tpr_at_fpr_5e-3", "")) != (
        is_bounded
    )
