"""Degraded scores are compared with the clean ones of the same images."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.robustness import judge_degraded


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    targets = np.arange(400) % 2
    clean = np.clip(rng.normal(0.4 + 0.2 * targets, 0.15), 0, 1)
    worse = np.clip(clean + rng.normal(0, 0.15, 400), 0, 1)
    return clean, np.stack([clean, worse, 1 - clean], axis=1), targets


def judge(clean, degraded, targets):
    how = Bootstrap(num_resamples=300, confidence=0.95, seed=0)
    groups = np.arange(len(targets))
    return judge_degraded(clean, degraded, targets, groups, how, fake_threshold=0.6)


def test_cells_hold_the_metrics_of_their_scores(scored):
    clean, degraded, targets = scored
    first, cells = judge(*scored)
    assert first["auc"]["value"] == roc_auc_score(targets, clean)
    for cell, scores in zip(cells, degraded.T, strict=True):
        auc = roc_auc_score(targets, scores)
        assert cell["auc"]["value"] == auc
        assert cell["drop"]["value"] == first["auc"]["value"] - auc
        assert cell["fpr"]["value"] == (scores[targets == 0] >= 0.6).mean()
        assert cell["tpr"]["value"] == (scores[targets == 1] >= 0.6).mean()


def test_drops_are_paired(scored):
    first, (same, worse, _) = judge(*scored)
    assert (same["drop"]["low"], same["drop"]["high"]) == (0.0, 0.0)
    assert worse["drop"]["low"] > 0
    width = worse["drop"]["high"] - worse["drop"]["low"]
    assert width < first["auc"]["high"] - first["auc"]["low"]
