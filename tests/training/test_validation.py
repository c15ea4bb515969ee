"""Validation numbers are those of the whole set."""

import numpy as np
import pytest
import torch
from torch import nn

from face_forgery.training.validation import validate


class Brightness(nn.Module):
    def forward(self, images):
        value = images.float().mean(dim=(1, 2, 3)) / 25 - 5
        return torch.stack([torch.zeros_like(value), value], dim=1)


class Batches:
    targets = np.array([0, 1, 0, 1, 1])
    num_images = 5

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
