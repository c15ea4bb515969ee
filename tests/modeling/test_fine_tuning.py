"""What is trained is what was asked for, and nothing else moves."""

import copy
import logging

import pytest
import torch
from torch import nn

from face_forgery.modeling.detector import BackboneError
from face_forgery.modeling.factory import build_network
from face_forgery.modeling.fine_tuning import freeze, merged_weights
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
SMALL_BEIT = {"depth": 2, "embed_dim": 48, "num_heads": 3}


@pytest.fixture
def start(make_params):
    def make(backbone="test_resnet", mode="full", *, channels="rgb", **overrides):
        torch.manual_seed(0)
        changes = {
            "model.backbone": backbone,
            "model.fine_tuning": mode,
            "model.input": channels,
            "model.lora": {"r": 2, "lora_alpha": 2},
            "training.optimizer.learning_rate": 0.01,
            "training.warmup_epochs": 0,
        }
        params = make_params(**changes | overrides)
        return build_state(params.model, params.training, 32, 10, torch.device("cpu"))

    return make


def kept_weights(network):
    merged = merged_weights(network)
    return copy.deepcopy(network.backbone.state_dict() if merged is None else merged)


def trained_names(state):
    return {
        name for name, weight in state.network.backbone.named_parameters() if weight.requires_grad
    }


def step(state, times=2):
    state.network.train()
    for _ in range(times):
        state.optimizer.zero_grad()
        nn.functional.cross_entropy(state.network(IMAGES), TARGETS).backward()
        state.optimizer.step()
        state.end_step()


def moved_names(state):
    before = kept_weights(state.network)
    step(state)
    after = kept_weights(state.network)
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("backbone", HEADS)
def test_full_trains_everything_and_linear_the_head_alone(start, backbone):
    state = start(backbone)
    assert trained_names(state) == {name for name, _ in state.network.backbone.named_parameters()}
    state = start(backbone, "linear")
    head = {f"{HEADS[backbone]}weight", f"{HEADS[backbone]}bias"}
    assert trained_names(state) == head
    assert moved_names(state) == head


@pytest.mark.parametrize("backbone", HEADS)
def test_norm_moves_the_normalization_layers_and_the_head(start, backbone):
    state = start(backbone, "norm")
    layers = dict(state.network.backbone.named_modules())
    norms = {
        f"{name}.{part}"
        for name, layer in layers.items()
        if "Norm" in type(layer).__name__
        for part, _ in layer.named_parameters(recurse=False)
    }
    assert len(norms) > 6
    assert trained_names(state) == norms | {f"{HEADS[backbone]}weight", f"{HEADS[backbone]}bias"}
    statistics = {name for name in moved_names(state) if name not in trained_names(state)}
    assert statistics == {
        f"{name}.{part}"
        for name, layer in layers.items()
        if "BatchNorm" in type(layer).__name__
        for part in ("running_mean", "running_var", "num_batches_tracked")
    }


@pytest.mark.parametrize(
    ("backbone", "lora"),
    [*((name, {"r": 2}) for name in HEADS), ("test_convnext", {"r": 2, "use_dora": True})],
)
def test_lora_moves_every_plain_layer_and_merges_into_the_weights_of_timm(start, backbone, lora):
    state = start(backbone, "lora", **{"model.lora": lora})
    network, plain = state.network, start(backbone).network
    head = {f"{HEADS[backbone]}weight", f"{HEADS[backbone]}bias"}
    layers = {
        f"{name}.weight"
        for name, layer in plain.backbone.named_modules()
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    }
    for layer in network.backbone.modules():  # timm starts some norms at 0: nothing would pass
        if "Norm" in type(layer).__name__ and hasattr(layer, "weight"):
            nn.init.ones_(layer.weight)
    before = kept_weights(network)
    assert moved_names(state) == layers | head
    after = kept_weights(network)
    if "use_dora" not in lora:
        for name in layers - head:
            change = (after[name] - before[name]).flatten(1)
            assert torch.linalg.matrix_rank(change, atol=1e-5) <= 2  # the rest is rounding
    assert list(after) == list(plain.backbone.state_dict())
    plain.backbone.load_state_dict(after, strict=True)
    with torch.inference_mode():
        logits = network.eval()(IMAGES)
        torch.testing.assert_close(plain.eval()(IMAGES), logits, atol=1e-5, rtol=1e-4)
    assert logits.std() > 0


def test_lora_leaves_out_layers_that_the_backbone_never_calls(start, caplog):
    """BEiT reads the weight of ``qkv`` itself: an adapter there would never see a gradient."""
    size = {"model.options": SMALL_BEIT | {"img_size": 32}}
    with caplog.at_level(logging.INFO):
        state = start("beit_base_patch16_224", "lora", **size)
    assert "LoRA changes 7 layers; 2 stay frozen" in caplog.text
    assert not [name for name in trained_names(state) if "qkv" in name]
    step(state, times=1)
    assert all(w.grad is not None for w in state.network.parameters() if w.requires_grad)


@pytest.mark.parametrize("mode", ["linear", "norm", "lora"])
def test_the_layer_that_reads_further_channels_is_always_trained(start, mode):
    state = start("test_resnet", mode, channels="rgb_srm")
    assert "conv1.0.weight" in trained_names(state)
    assert "conv1.0.weight" in moved_names(state)


@pytest.mark.parametrize("mode", ["linear", "lora"])
def test_a_frozen_backbone_keeps_its_statistics_whatever_mode_it_is_set_to(start, mode):
    state = start("test_resnet", mode)
    before = state.network.backbone.bn1.running_mean.clone()
    state.network.eval()
    step(state)
    assert torch.equal(state.network.backbone.bn1.running_mean, before)


@pytest.mark.parametrize(("mode", "layer_decay"), [("linear", 0.7), ("norm", None), ("lora", 0.7)])
def test_the_optimizer_holds_what_is_trained_and_nothing_else(start, mode, layer_decay):
    state = start("test_vit", mode, **{"training.optimizer.layer_decay": layer_decay})
    held = [id(weight) for group in state.optimizer.param_groups for weight in group["params"]]
    trained = [id(weight) for weight in state.network.parameters() if weight.requires_grad]
    assert sorted(held) == sorted(trained)


def test_averaged_lora_weights_are_kept_merged(start):
    state = start("test_vit", "lora", **{"training.ema_decay": 0.5})
    step(state, times=3)
    kept = state.snapshot([], {}).weights().weights
    assert set(kept) == set(start("test_vit").network.backbone.state_dict())
    name = "blocks.0.attn.qkv.weight"
    assert torch.equal(kept[name], merged_weights(state.average.module)[name])
    assert not torch.equal(kept[name], merged_weights(state.network)[name])


def test_the_proportion_of_trained_weights_is_logged(start, caplog):
    with caplog.at_level(logging.INFO):
        state = start("test_resnet", "linear")
    total = sum(weight.numel() for weight in state.network.parameters())
    head = sum(weight.numel() for weight in state.network.backbone.fc.parameters())
    assert f"model.fine_tuning=linear trains {head:,} of {total:,} parameters" in caplog.text
    assert "it starts at random" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        start("test_resnet")
    assert not caplog.text


@pytest.mark.parametrize(
    ("backbone", "number", "parts"),
    [
        ("test_vit", 1, {"blocks.5.", "norm.", "head."}),
        ("test_vit", 2, {"blocks.4.", "blocks.5.", "norm.", "head."}),
        ("test_resnet", 1, {"layer4.", "fc."}),
    ],
)
def test_the_last_blocks_are_trained_whole_and_nothing_below(start, backbone, number, parts):
    state = start(backbone, "last", **{"model.last_blocks": number})
    names = set(state.network.backbone.state_dict()) & {
        name for name, _ in state.network.backbone.named_parameters()
    }
    assert trained_names(state) == {name for name in names if name.startswith(tuple(parts))}
    before = kept_weights(state.network)
    step(state)
    after = kept_weights(state.network)
    moved = {name for name in names if not torch.equal(before[name], after[name])}
    assert moved <= trained_names(state)
    assert all(any(name.startswith(part) for name in moved) for part in parts)


def test_lora_changes_the_layers_that_are_named(start):
    state = start("test_vit", "lora", **{"model.lora": {"r": 2, "target_modules": r"attn\.qkv"}})
    adapted = {name for name in trained_names(state) if "lora_" in name}
    assert adapted
    assert all("attn.qkv" in name for name in adapted)


def test_a_backbone_without_the_layers_to_train_is_refused(start, make_params, monkeypatch):
    options = {"norm_layer": nn.Identity}
    with pytest.raises(BackboneError, match=r"fine_tuning=norm: .*'test_vit' has no normalization"):
        start("test_vit", "norm", **{"model.options": options})
    model = make_params(**{"model.fine_tuning": "lora"}).model
    network = build_network(model, 32)
    network.backbone.layer1 = network.backbone.layer2 = nn.Identity()
    network.backbone.layer3 = network.backbone.layer4 = network.backbone.conv1 = nn.Identity()
    network.backbone.forward = lambda seen: seen.mean((2, 3))
    with pytest.raises(BackboneError, match=r"fine_tuning=lora: .*no layer besides its head"):
        freeze(network, model, 32)
    with pytest.raises(BackboneError, match=r"no layer besides .*target_modules='nowhere'"):
        start("test_vit", "lora", **{"model.lora": {"target_modules": "nowhere"}})
    with pytest.raises(BackboneError, match=r"last_blocks=9: .*'test_vit' has 7 blocks"):
        start("test_vit", "last", **{"model.last_blocks": 9})
    monkeypatch.setattr("face_forgery.modeling.fine_tuning.first_layers_of", lambda backbone: ())
    with pytest.raises(BackboneError, match=r"timm does not say which one .*'test_resnet'"):
        start("test_resnet", "linear", channels="rgb_srm")
    start("test_resnet", "full", channels="rgb_srm")
