"""Validation numbers are those of the whole set."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from face_forgery.data.splits.holdout import HeldOut
from face_forgery.training.validation import validate

CPU = torch.device("cpu")
TARGETS = np.array([0, 1, 0, 1, 1])
VALUES = [10, 200, 150, 100, 250]  # of 6 pairs, (150, 100) is the wrong way


class Brightness(nn.Module):
    def forward(self, images):
        value = images.float().mean(dim=(1, 2, 3)) / 25 - 5
        return torch.stack([torch.zeros_like(value), value], dim=1)


class Loader:
    sampler = range(5)

    def __init__(self, targets=TARGETS, videos=None):
        self.dataset = SimpleNamespace(targets=targets, videos=videos)

    def __iter__(self):
        images = torch.tensor(VALUES, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
        return iter(zip(images.split(3), torch.tensor(TARGETS).split(3), strict=True))


def test_numbers_are_computed_once_over_all_images():
    numbers = validate(Brightness(), Loader(), None, CPU)
    logits = np.array(VALUES) / 25 - 5
    signed = np.where(TARGETS == 1, logits, -logits)
    assert numbers["val_auc"] == pytest.approx(5 / 6)
    assert numbers["val_loss"] == pytest.approx(np.log1p(np.exp(-signed)).mean(), rel=1e-5)
    assert numbers["val_accuracy"] == 3 / 5
    assert "val_auc_seen" not in numbers


def test_videos_are_ranked_by_the_mean_score_of_their_frames():
    videos = np.array([0, 1, 2, 1, -1])
    numbers = validate(Brightness(), Loader(videos=videos), None, CPU)
    scores = 1 / (1 + np.exp(5 - np.array(VALUES) / 25))
    means = pd.Series(scores[:4]).groupby(videos[:4]).mean()
    assert numbers["val_auc_video"] == roc_auc_score([0, 1, 0], means) == 0.5
    assert numbers["val_auc"] == pytest.approx(5 / 6)
    of_one_class = np.array([-1, 1, -1, 1, -1])
    for none in (None, of_one_class):
        assert "val_auc_video" not in validate(Brightness(), Loader(videos=none), None, CPU)


def test_held_out_folds_are_measured_apart_from_what_was_seen():
    rows = {"a": np.array([0, 2, 3]), "b": np.array([0, 2, 4])}
    held_out = HeldOut(rows, seen=np.array([0, 1, 2]))
    numbers = validate(Brightness(), Loader(), held_out, CPU)
    assert numbers["val_auc"] == pytest.approx(5 / 6)
    assert numbers["val_auc_held_out"] == {"a": 0.5, "b": 1.0}
    assert (numbers["val_auc_held_out_mean"], numbers["val_auc_held_out_worst"]) == (0.75, 0.5)
    assert numbers["val_auc_seen"] == 1.0
    of_one_class = HeldOut(rows, seen=np.array([0, 2]))
    assert validate(Brightness(), Loader(), of_one_class, CPU)["val_auc_seen"] is None


def test_scores_that_are_no_numbers_and_a_missing_class_are_errors():
    with pytest.raises(ValueError, match=r"5 validation score\(s\) are not finite"):
        validate(nn.Sequential(Brightness(), Broken()), Loader(), None, CPU)
    with pytest.raises(ValueError, match="all 5 validation images are of one class"):
        validate(Brightness(), Loader(np.ones(5, dtype=np.int64)), None, CPU)


class Broken(nn.Module):
    def forward(self, logits):
        return logits * torch.nan
