"""The network normalizes pixels itself."""

import pytest
import torch
from timm import create_model
from torch import nn

from face_forgery.modeling import network as networks
from face_forgery.modeling.inputs import INPUTS, extra_channels
from face_forgery.modeling.network import DetectorNetwork, count_parameters, heads_of

FILTERED = [name for name in INPUTS if name != "rgb"]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


class Means(nn.Module):
    def forward(self, pixels):
        self.seen = pixels
        return pixels.mean(dim=(2, 3))[:, :2]


@pytest.mark.parametrize("channels", INPUTS)
def test_mean_std_and_filters_are_no_weights(channels):
    network = DetectorNetwork(nn.Linear(1, 1), MEAN, STD, extra=extra_channels(channels))
    assert set(network.state_dict()) == {"backbone.weight", "backbone.bias"}
    assert len(list(network.parameters())) == 2


@pytest.mark.parametrize("channels", INPUTS)
def test_colors_are_normalized_by_channel_and_further_channels_come_after_them(channels):
    extra = extra_channels(channels)
    network = DetectorNetwork(Means(), MEAN, STD, extra=extra)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    network(images)
    seen = network.backbone.seen
    assert seen.is_contiguous(memory_format=torch.channels_last)
    expected = (images / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(seen[:, :3], expected)
    if extra is not None:
        torch.testing.assert_close(seen[:, 3:], extra(images.float()))


@pytest.mark.parametrize(
    "architecture",
    ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "mobilenetv3_small_050"],
)
def test_features_are_what_the_head_makes_the_logits_of(make_detector, architecture):
    network = make_detector(architecture).build_network()
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        logits, features = network.logits_and_features(images)
        (head,) = heads_of(network.backbone)
        assert torch.equal(logits, network(images))
        torch.testing.assert_close(head(features), logits)
    assert features.ndim == 2
    assert not head._forward_pre_hooks


@pytest.mark.parametrize(
    ("architecture", "channels"),
    [
        ("test_resnet", "rgb"),
        ("test_vit", "rgb"),
        ("test_efficientnet", "rgb"),
        *(("test_vit", channels) for channels in FILTERED),
    ],
)
def test_in_bfloat16_logits_stay_near_and_keep_the_digits_of_float32(
    make_detector, architecture, channels
):
    detector = make_detector(architecture, input=channels)
    seeded = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, 3, 32, 32), dtype=torch.uint8, generator=seeded)
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


def test_patches_of_six_channels_are_exact_on_processors_with_amx(make_detector, monkeypatch):
    monkeypatch.setattr("face_forgery.modeling.network._has_amx", lambda: True)
    network = make_detector("test_vit", input="rgb_srm").build_network()
    network.compute_in_bfloat16()
    layer = network.backbone.patch_embed.proj
    seen = torch.randn(24, 6, 32, 32).bfloat16()
    exact = nn.functional.conv2d(
        seen.float(), layer.weight.float(), layer.bias.float(), layer.stride
    )
    assert torch.equal(layer(seen), exact.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(layer(seen.float()), exact, atol=0, rtol=0)


def test_shared_weights_count_once_and_buffers_do_not():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    assert count_parameters(nn.Sequential(first, second, nn.BatchNorm1d(3))) == 9 + 3 + 3 + 6


@pytest.mark.parametrize("has_amx", [False, True])
def test_attention_is_plain_in_training_where_that_is_faster_and_scores_stay(monkeypatch, has_amx):
    monkeypatch.setattr(networks, "_has_amx", lambda: has_amx)
    network = DetectorNetwork(create_model("test_vit", num_classes=2, img_size=48), MEAN, STD)
    images = torch.randint(0, 256, (2, 3, 48, 48), dtype=torch.uint8)
    expected = network.eval()(images)
    network.train_with_plain_attention()
    assert torch.equal(network(images), expected)
    attention = network.backbone.blocks[0].attn
    assert attention.fused_attn
    assert network.train().backbone.blocks[0].attn.fused_attn is not has_amx
    torch.testing.assert_close(network(images), expected)
    assert torch.equal(network.eval()(images), expected)
