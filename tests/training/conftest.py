"""A network small enough to train in milliseconds, with dropout and batch normalization."""

import pytest
import torch
from torch import nn

from face_forgery.modeling.network import DetectorNetwork
from face_forgery.training.state import TrainState


class TinyBackbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(8, 2)

    def get_classifier(self):
        return self.head

    def forward(self, pixels):
        features = torch.relu(self.norm(self.conv(pixels))).mean(dim=(2, 3))
        return self.head(self.drop(features))


class Epochs:
    """Batches of an epoch from a function of its number."""

    def __init__(self, batches_of):
        self.batches_of = batches_of

    def epoch(self, number):
        return Epoch(self.batches_of(number))


class Epoch(list):
    @property
    def sizes(self):
        return [len(targets) for _, targets in self]

    @property
    def num_images(self):
        return sum(self.sizes)

    def after(self, num_batches):
        return Epoch(self[num_batches:])


@pytest.fixture
def make_state():
    def make(*, learning_rate=0.05, step_size=5, gamma=0.5):
        torch.manual_seed(0)
        network = DetectorNetwork(TinyBackbone(), (0.5,) * 3, (0.25,) * 3)
        optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size, gamma)
        return TrainState(network, optimizer, scheduler)

    return make


@pytest.fixture
def make_epochs():
    """Return a builder of two batches an epoch in which a forgery is a brighter image."""

    def batches_of(number):
        generator = torch.Generator().manual_seed(number)
        targets = torch.tensor([0, 1, 0, 1])
        noise = [torch.randint(0, 160, (4, 3, 8, 8), generator=generator) for _ in range(2)]
        bright = 90 * targets.view(-1, 1, 1, 1)
        return [((pixels + bright).to(torch.uint8), targets) for pixels in noise]

    return lambda of=batches_of: Epochs(of)
