import pytest
import timm
import torch
from torch import nn

from face_forgery.modeling.detector import BackboneError, Detector, Preprocessing
from face_forgery.modeling.factory import build_blank_network
from face_forgery.modeling.truncation import truncate_backbone

BLOCKS = {
    "mobilenetv1_100": "blocks.3.1",
    "test_efficientnet": "blocks.3",
    "resnet18": "layer3.0",
    "test_convnext": "stages.2.blocks.1",
    "test_vit": "blocks.4",
    "swin_tiny_patch4_window7_224": "layers.1",
    "vgg11": "features.9",
}
SMALL = {  # the shape of the original, fewer channels
    "swin_tiny_patch4_window7_224": {"embed_dim": 24, "depths": (1, 1, 1, 1)},
    "vgg11": {"mlp_ratio": 0.01},
}


def truncate(name, after, size=64, **given):
    torch.manual_seed(0)
    fixed = {"img_size": size} if name.startswith(("swin", "test_vit")) else {}
    backbone = timm.create_model(name, num_classes=1000, **fixed, **SMALL.get(name, {}))
    return truncate_backbone(backbone, after, num_classes=2, channels=3, image_size=size, **given)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_truncated_network_says_how_its_last_block_is_on_average_and_how_it_varies(name):
    network = truncate(name, BLOCKS[name]).eval()
    seen = []
    block = network.body.get_submodule(BLOCKS[name])
    block.register_forward_hook(lambda *values: seen.append(values[-1]))
    images = torch.randn(2, 3, 64, 64)
    logits = network(images)
    [maps] = seen
    if name == "test_vit":
        maps, positions = network.body.norm(maps)[:, 1:], 1
    else:
        positions = (1, 2) if name.startswith("swin") else (2, 3)
    variance = maps.var(positions, correction=0)
    expected = torch.cat([maps.mean(positions), (variance + 1e-6).sqrt()], dim=1)
    torch.testing.assert_close(logits, network.head(expected))
    assert len(logits.unique()) == 4
    network.train()(images).square().sum().backward()
    unused = [key for key, weight in network.named_parameters() if weight.grad is None]
    assert unused == []  # every weight that is kept is used


def test_a_map_without_any_difference_has_a_gradient():
    network = truncate("resnet18", "layer2.0")
    network(torch.zeros(2, 3, 64, 64)).square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())


def test_a_head_of_the_mean_alone_still_has_its_meaning():
    network = truncate("resnet18", "layer2.0", num_features=128).eval()
    maps = network.body.forward_features(images := torch.randn(2, 3, 64, 64))
    torch.testing.assert_close(network(images), network.head(maps.mean((2, 3))))


def test_weights_up_to_the_block_are_those_of_the_backbone():
    torch.manual_seed(0)
    whole = timm.create_model("resnet18", num_classes=1000).state_dict()
    kept = truncate("resnet18", "layer2.0").body.state_dict()
    assert "layer2.0.conv1.weight" in kept
    assert not [name for name in kept if name.startswith(("layer2.1", "layer3", "layer4", "fc"))]
    assert all(torch.equal(value, whole[name]) for name, value in kept.items())


@pytest.mark.parametrize("after", ["layer9", "layer3.7", "layer3.0.conv1", "fc", ""])
def test_a_block_that_is_not_there_is_refused_with_those_that_are(after):
    with pytest.raises(BackboneError, match=r"layer1, layer2, layer3, layer4.*layer4\.0, layer4\."):
        truncate("resnet18", after)


def test_a_backbone_that_timm_cannot_shorten_is_refused():
    with pytest.raises(BackboneError, match=r"set model\.truncate_after=null"):
        truncate_backbone(nn.Linear(2, 2), "0", num_classes=2, channels=3, image_size=32)


def test_a_network_with_further_channels_can_be_truncated():
    given = Preprocessing(32, "bilinear", (0.5,) * 3, (0.5,) * 3)
    detector = Detector("test_resnet", {}, {}, given, 1, input="rgb_srm", truncate_after="layer2")
    network = build_blank_network(detector)
    assert network(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).shape == (1, 2)
