"""The network normalizes pixels itself."""

import pytest
import torch
from torch import nn

from face_forgery.modeling.network import DetectorNetwork, heads_of

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


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_efficientnet"])
def test_in_bfloat16_logits_stay_near_and_keep_the_digits_of_float32(make_detector, architecture):
    detector = make_detector(architecture)
    images = torch.randint(0, 256, (24, 3, 32, 32), dtype=torch.uint8)
    network = detector.build_network()
    with torch.inference_mode():
        exact = network(images)
        network.compute_in_bfloat16()
        rounded = network(images)
        alone = torch.cat([network(image[None]) for image in images])
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().max() > 0
    torch.testing.assert_close(rounded, exact, atol=0.05 * float(exact.abs().max()), rtol=0)
    torch.testing.assert_close(alone, rounded, atol=1e-6, rtol=1e-6)  # whatever else is judged
    assert (rounded != rounded.bfloat16().float()).any()
    assert {p.dtype for head in heads_of(network.backbone) for p in head.parameters()} == {
        torch.float32
    }
