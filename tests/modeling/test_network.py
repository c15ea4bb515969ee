"""The network normalizes pixels itself."""

import torch
from torch import nn

from face_forgery.modeling.network import DetectorNetwork

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


class Means(nn.Module):
    def forward(self, pixels):
        self.seen = pixels
        return pixels.mean(dim=(2, 3))[:, :2]


def test_bytes_are_normalized_by_channel():
    network = DetectorNetwork(Means(), MEAN, STD)
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    network(images)
    expected = (images / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(network.backbone.seen, expected)
    assert network.backbone.seen.is_contiguous(memory_format=torch.channels_last)


def test_mean_and_std_are_no_weights():
    network = DetectorNetwork(nn.Linear(1, 1), MEAN, STD)
    assert set(network.state_dict()) == {"backbone.weight", "backbone.bias"}
