"""Validation numbers are those of the whole set."""

import numpy as np
import pytest
import torch
from torch import nn

from face_forgery.data.splits.holdout import HeldOut
from face_forgery.training.validation import validate


class Brightness(nn.Module):
    def forward(self, images):
        value = images.float().mean(dim=(1, 2, 3)) / 25 - 5
        return torch.stack([torch.zeros_like(value), value], dim=1)


class Batches:
    targets = np.array([0, 1, 0, 1, 1])
    num_images = 5
    held_out = None

    def __iter__(self):
        for values, targets in (([10, 200, 150], [0, 1, 0]), ([100, 250], [1, 1])):
            images = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
            yield images, torch.tensor(targets)


def test_numbers_are_computed_once_over_all_images():
    numbers = validate(Brightness(), Batches(), torch.device("cpu"))
    logits = np.array([10, 200, 150, 100, 250]) / 25 - 5
    signed = np.where(Batches.targets == 1, logits, -logits)
    assert numbers["val_auc"] == pytest.approx(5 / 6)  # of 6 pairs, (150, 100) is the wrong way
    assert numbers["val_loss"] == pytest.approx(np.log1p(np.exp(-signed)).mean(), rel=1e-5)
    assert numbers["val_accuracy"] == 3 / 5
    assert "val_auc_seen" not in numbers


def test_held_out_folds_are_measured_apart_from_what_was_seen():
    batches = Batches()  # logits of 10 and 150 are real, of 200, 100 and 250 fake
    rows = {"a": np.array([0, 2, 3]), "b": np.array([0, 2, 4])}
    batches.held_out = HeldOut(rows, seen=np.array([0, 1, 2]))
    numbers = validate(Brightness(), batches, torch.device("cpu"))
    assert numbers["val_auc"] == pytest.approx(5 / 6)
    assert numbers["val_auc_held_out"] == {"a": 0.5, "b": 1.0}
    assert (numbers["val_auc_held_out_mean"], numbers["val_auc_held_out_worst"]) == (0.75, 0.5)
    assert numbers["val_auc_seen"] == 1.0
    batches.held_out = HeldOut(rows, seen=np.array([0, 2]))
    assert validate(Brightness(), batches, torch.device("cpu"))["val_auc_seen"] is None
