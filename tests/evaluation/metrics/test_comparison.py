"""Detectors are compared on the same resamples of the same images."""

import json

import numpy as np
import pytest
from sklearn.metrics import auc, roc_curve

from face_forgery.evaluation.comparison import compare_detectors
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


def test_one_detector_is_nothing_to_compare(scored):
    scores, targets = scored
    with pytest.raises(ValueError, match="at least two"):
        compare({"good": scores["good"]}, targets)
