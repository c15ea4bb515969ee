"""What is trained is what was asked for, and nothing else moves."""

import copy
import logging

import pytest
import torch

from face_forgery.modeling.factory import BackboneError
from face_forgery.modeling.low_rank import plain_weights
from face_forgery.training.state import build_state

SEEDED = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (8, 3, 32, 32), generator=SEEDED, dtype=torch.uint8)
TARGETS = torch.arange(8) % 2
HEADS = {
    "test_resnet": "fc.",
    "test_vit": "head.",
    "test_convnext": "head.fc.",
    "mobilenetv3_small_050": "classifier.",
}


@pytest.fixture
def start(make_params):
    def make(backbone="test_resnet", tuning="full", *, channels="rgb", **overrides):
        torch.manual_seed(0)
        changes = {
            "model.backbone": backbone,
            "model.tuning": tuning,
            "model.input": channels,
            "model.rank": 2,
            "training.optimizer.learning_rate": 0.01,
            "training.warmup_epochs": 0,
        }
        params = make_params(**changes | overrides)
        return build_state(params.model, params.training, 32, 10, torch.device("cpu"))

    return make


def trained_names(state):
    return {
        name for name, weight in state.network.backbone.named_parameters() if weight.requires_grad
    }


def step(state, times=2):
    state.network.train()
    for _ in range(times):
        state.optimizer.zero_grad()
        torch.nn.functional.cross_entropy(state.network(IMAGES), TARGETS).backward()
        state.optimizer.step()
        state.count_step()


def moved_names(state):
    before = copy.deepcopy(plain_weights(state.network.backbone.state_dict()))
    step(state)
    after = plain_weights(state.network.backbone.state_dict())
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("backbone", HEADS)
def test_everything_is_trained_unless_asked_otherwise(start, backbone):
    state = start(backbone)
    assert trained_names(state) == {name for name, _ in state.network.backbone.named_parameters()}


@pytest.mark.parametrize("backbone", HEADS)
def test_a_linear_probe_moves_the_head_alone(start, backbone):
    state = start(backbone, "linear")
    head = {f"{HEADS[backbone]}weight", f"{HEADS[backbone]}bias"}
    assert trained_names(state) == head
    assert moved_names(state) == head


@pytest.mark.parametrize("backbone", HEADS)
def test_norm_moves_the_normalization_layers_and_the_head(start, backbone):
    state = start(backbone, "norm")
    norms = {
        f"{name}.{part}"
        for name, layer in state.network.backbone.named_modules()
        if "Norm" in type(layer).__name__
        for part, _ in layer.named_parameters(recurse=False)
    }
    assert len(norms) > 6
    assert trained_names(state) == norms | {f"{HEADS[backbone]}weight", f"{HEADS[backbone]}bias"}
    statistics = {name for name in moved_names(state) if name not in trained_names(state)}
    by_batch = {f"{name}.{part}" for name, layer in state.network.backbone.named_modules()
                if "BatchNorm" in type(layer).__name__
                for part in ("running_mean", "running_var", "num_batches_tracked")}  # fmt: skip
    assert statistics == by_batch


@pytest.mark.parametrize("backbone", HEADS)
def test_low_rank_moves_every_layer_but_no_norm_bias_or_statistic(start, backbone):
    state = start(backbone, "low_rank")
    backbone_of = state.network.backbone
    head = {f"{HEADS[backbone]}weight", f"{HEADS[backbone]}bias"}
    layers = {
        f"{name}.weight"
        for name, layer in backbone_of.named_modules()
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)
    }
    for layer in backbone_of.modules():  # timm starts some norms at 0: nothing would pass below
        if "Norm" in type(layer).__name__ and hasattr(layer, "weight"):
            torch.nn.init.ones_(layer.weight)
    before = copy.deepcopy(plain_weights(backbone_of.state_dict()))
    assert moved_names(state) == layers | head
    after = plain_weights(backbone_of.state_dict())
    for name in layers - head:
        change = (after[name] - before[name]).flatten(1)
        assert torch.linalg.matrix_rank(change, atol=1e-5) <= 2  # the rest is rounding


@pytest.mark.parametrize("tuning", ["linear", "norm", "low_rank"])
def test_the_layer_that_reads_further_channels_is_always_trained(start, tuning):
    state = start("test_resnet", tuning, channels="rgb_srm")
    assert "conv1.0.weight" in trained_names(state)
    assert "conv1.0.weight" in moved_names(state)


@pytest.mark.parametrize("tuning", ["linear", "low_rank"])
def test_a_frozen_backbone_keeps_its_statistics_whatever_mode_it_is_set_to(start, tuning):
    state = start("test_resnet", tuning)
    before = state.network.backbone.bn1.running_mean.clone()
    state.network.eval()
    step(state)
    assert torch.equal(state.network.backbone.bn1.running_mean, before)


@pytest.mark.parametrize("layer_decay", [None, 0.7])
@pytest.mark.parametrize("tuning", ["linear", "norm", "low_rank"])
def test_the_optimizer_holds_what_is_trained_and_nothing_else(start, tuning, layer_decay):
    state = start("test_vit", tuning, **{"training.optimizer.layer_decay": layer_decay})
    held = [id(weight) for group in state.optimizer.param_groups for weight in group["params"]]
    trained = [id(weight) for weight in state.network.parameters() if weight.requires_grad]
    assert sorted(held) == sorted(trained)


def test_averaged_weights_of_low_rank_are_kept_as_plain_ones(start):
    state = start("test_vit", "low_rank", **{"training.ema_decay": 0.5})
    names = set(plain_weights(start("test_vit").network.backbone.state_dict()))
    step(state, times=3)
    kept = state.snapshot([], {}).weights().weights
    assert set(kept) == names
    average = state.average.module.backbone
    assert torch.equal(kept["blocks.0.attn.qkv.weight"], average.blocks[0].attn.qkv.weight)
    own = plain_weights(state.network.backbone.state_dict())
    assert not torch.equal(kept["blocks.0.attn.qkv.weight"], own["blocks.0.attn.qkv.weight"])


def test_the_share_of_trained_weights_is_logged(start, caplog):
    with caplog.at_level(logging.INFO):
        state = start("test_resnet", "linear")
    total = sum(weight.numel() for weight in state.network.parameters())
    head = sum(weight.numel() for weight in state.network.backbone.fc.parameters())
    assert f"model.tuning=linear trains {head:,} of {total:,} parameters" in caplog.text
    assert "it starts at random" in caplog.text


def test_full_tuning_of_a_random_start_is_no_reason_to_warn(start, caplog):
    with caplog.at_level(logging.WARNING):
        start("test_resnet")
    assert not caplog.text


def test_a_backbone_without_normalization_is_refused_for_norm(start):
    options = {"norm_layer": torch.nn.Identity}
    with pytest.raises(BackboneError, match=r"tuning=norm: .*'test_vit' has no normalization"):
        start("test_vit", "norm", **{"model.options": options})


def test_a_backbone_whose_first_layer_is_unknown_is_refused_where_it_must_be_trained(
    start, monkeypatch
):
    monkeypatch.setattr("face_forgery.modeling.fine_tuning.first_layers_of", lambda backbone: ())
    with pytest.raises(BackboneError, match=r"timm does not say which one .*'test_resnet'"):
        start("test_resnet", "linear", channels="rgb_srm")
    start("test_resnet", "full", channels="rgb_srm")
