"""Changes of low rank start as none, stay of low rank, and end as plain weights."""

import copy

import pytest
import timm
import torch
from torch import nn

from face_forgery.modeling.low_rank import LowRank, add_low_rank, plain_weights

BACKBONES = [
    "test_resnet",
    "test_vit",
    "test_convnext",
    "test_efficientnet",
    "beit_base_patch16_224",
]
SMALL = {"beit_base_patch16_224": {"depth": 2, "embed_dim": 48, "num_heads": 3, "img_size": 32}}


def make_backbone(name):
    torch.manual_seed(0)
    size = {"img_size": 32} if name == "test_vit" else {}
    return timm.create_model(name, num_classes=2, **SMALL.get(name, size)).eval()


def layers_of(backbone):
    return [layer for layer in backbone.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


def change(backbone):
    """As if trained: no change is zero any more."""
    with torch.no_grad():
        for module in backbone.modules():
            if isinstance(module, LowRank):
                module.up.normal_(std=0.1)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_starts_unchanged_and_its_plain_weights_are_those_it_had(name):
    backbone = make_backbone(name)
    before, pixels = copy.deepcopy(backbone.state_dict()), torch.randn(2, 3, 32, 32)
    expected = backbone(pixels)
    add_low_rank(layers_of(backbone), rank=4)
    assert torch.equal(backbone(pixels), expected)
    after = plain_weights(backbone.state_dict())
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize("name", BACKBONES)
def test_plain_weights_make_the_plain_backbone_say_the_same(name):
    tuned, plain = make_backbone(name), make_backbone(name)
    add_low_rank(layers_of(tuned), rank=4)
    change(tuned)
    pixels = torch.randn(2, 3, 32, 32)
    untouched = plain(pixels)
    plain.load_state_dict(plain_weights(tuned.state_dict()), strict=True)
    assert torch.equal(plain(pixels), tuned(pixels))
    assert (plain(pixels) - untouched).abs().max() > 1e-3


def test_every_layer_changes_by_the_product_of_its_two_factors():
    backbone = make_backbone("test_efficientnet")  # convolutions, some of them by channel
    before = {id(layer): layer.weight.detach().clone() for layer in layers_of(backbone)}
    add_low_rank(layers_of(backbone), rank=3)
    change(backbone)
    ranks = set()
    for layer in layers_of(backbone):
        factors = layer.parametrizations.weight[0]
        moved = (layer.weight - before[id(layer)]).detach()
        slow = torch.zeros(moved.shape[0], moved[0].numel())
        for k in range(factors.down.shape[0]):
            slow += torch.outer(factors.up[:, k], factors.down[k]).detach()
        torch.testing.assert_close(moved.flatten(1), slow, atol=1e-5, rtol=1e-4)
        ranks.add(int(torch.linalg.matrix_rank(slow)))
    assert max(ranks) == 3


def test_no_more_rank_is_used_than_a_weight_can_have():
    by_channel = nn.Conv2d(6, 6, 3, groups=6)
    add_low_rank([by_channel], rank=64)
    assert by_channel.parametrizations.weight[0].up.shape == (6, 6)
    assert by_channel.parametrizations.weight[0].down.shape == (6, 9)


def test_a_copy_moves_by_itself():
    backbone = make_backbone("test_vit")
    add_low_rank(layers_of(backbone), rank=2)
    average = copy.deepcopy(backbone)
    change(backbone)
    before, after = plain_weights(average.state_dict()), plain_weights(backbone.state_dict())
    assert not torch.equal(before["blocks.0.attn.qkv.weight"], after["blocks.0.attn.qkv.weight"])
