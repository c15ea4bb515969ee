"""Networks by name, and where their first weights come from."""

import logging
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from face_forgery.modeling.detector import BackboneError, Detector, Preprocessing
from face_forgery.modeling.factory import (
    build_blank_network,
    build_network,
    check_model,
    find_backbone,
    first_layers_of,
    normalization_of,
    trained_detector,
)
from face_forgery.modeling.inputs import INPUTS
from face_forgery.modeling.network import count_parameters
from face_forgery.params import ModelParams

IMAGES = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)


def model(
    backbone="test_resnet",
    *,
    pretrained=False,
    weights=None,
    channels="rgb",
    max_parameters=None,
    **options,
):
    given = {"backbone": backbone, "pretrained": pretrained, "options": options, "input": channels}
    given |= {"weights": weights and str(weights), "max_parameters": max_parameters}
    return ModelParams(**given, truncate_after=None, fine_tuning="full", last_blocks=1, lora={})


@pytest.fixture
def trained():
    """A backbone with the 1,000 classes of ImageNet."""
    torch.manual_seed(1)
    return timm.create_model("test_resnet", num_classes=1000)


def test_a_name_passes_with_and_without_a_tag_and_others_are_refused_with_the_nearest():
    for name in ("test_resnet", "test_resnet.r160_in1k", "resnet18"):
        check_model(model(name))
    for name, message in [
        ("resnett18", r"'resnett18' is not a timm model; .*resnet18"),
        ("%%%", r"is not a timm model$"),
        ("test_resnet.imagenet", r"no weights 'imagenet'; it has .*r160_in1k"),
    ]:
        with pytest.raises(BackboneError, match=message):
            check_model(model(name))
        with pytest.raises(BackboneError, match=message):
            build_network(model(name), 64)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("xception", "legacy_xception"),
        ("tf_efficientnet_b4_ns", "tf_efficientnet_b4.ns_jft_in1k"),
        ("tf_efficientnet_b4_ns.ap_in1k", "tf_efficientnet_b4.ap_in1k"),
        ("timm/resnet10t", "resnet10t"),
        ("hf-hub:timm/resnet10t.c3_in1k", "resnet10t.c3_in1k"),
        ("hf_hub:timm/test_resnet", "test_resnet"),
        ("https://huggingface.co/timm/resnet18.a1_in1k", "resnet18.a1_in1k"),
        ("ResNet-18.A1_in1k", "resnet18.a1_in1k"),
        ("EfficientNet-B4", "efficientnet_b4"),
    ],
)
def test_old_names_those_of_the_hub_and_other_spellings_are_taken_and_said(caplog, given, name):
    find_backbone.cache_clear()
    with caplog.at_level(logging.INFO):
        assert find_backbone(given) == name
    assert f"model.backbone={given} is called {name} in timm" in caplog.text


def test_a_detector_of_an_old_name_is_stored_under_the_new_one(make_params):
    params = make_params(**{"model.backbone": "timm/test-resnet"})
    network = build_network(params.model, 32)
    detector = trained_detector(
        network.backbone.state_dict(), 1, params.model, params.preprocessing
    )
    assert detector.architecture == "test_resnet"


NESTS = {
    "plain": lambda state: state,
    "trainer": lambda state: {"epoch": 3, "model": state, "optimizer": {"state": {}}},
    "averaged": lambda state: {"model": {"x": torch.zeros(1)}, "ema": {"module": state}},
    "lightning": lambda state: {"state_dict": {f"model.{n}": v for n, v in state.items()}},
    "compiled": lambda state: {"net": {f"_orig_mod.module.{n}": v for n, v in state.items()}},
    "part": lambda state: {
        "head.0.w": torch.zeros(2),
        **{f"backbone.{n}": v for n, v in state.items()},
    },
}


@pytest.mark.parametrize(
    ("nest", "suffix"),
    [*((name, ".pt") for name in NESTS), *(("part", s) for s in (".bin", ".safetensors", ""))],
)
def test_weights_are_read_by_content_wherever_a_trainer_has_put_them(
    tmp_path, trained, nest, suffix
):
    state, path = trained.state_dict(), tmp_path / f"weights{suffix}"
    torch.save(NESTS[nest](state), path)
    assert unlike(build_network(model(weights=path), 64), state) == {"fc.weight", "fc.bias"}


def unlike(network, state):
    loaded = network.backbone.state_dict()
    return {name for name, value in state.items() if not torch.equal(loaded[name], value)}


@pytest.mark.parametrize("name", ["weights.bin", "weights.safetensors"])
def test_safetensors_are_read_under_any_name_and_what_was_taken_off_is_said(
    tmp_path, trained, caplog, name
):
    state = trained.state_dict()
    save_file({f"encoder.{key}": value for key, value in state.items()}, tmp_path / name)
    with caplog.at_level(logging.INFO):
        network = build_network(model(weights=tmp_path / name), 64)
    assert unlike(network, state) == {"fc.weight", "fc.bias"}
    assert network.backbone.fc.weight.shape[0] == 2
    assert f"{name}: {len(state)} tensors, without 'encoder.' before each name" in caplog.text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("weights.pth", r"no such file in .*did you mean weights\.pt\?"),
        ("wieghts.pt", r"no such file in .*did you mean weights\.pt\?"),
        ("Weights.PT", r"no such file in .*did you mean weights\.pt\?"),
        ("zzz", r"there is no such file in .*models$"),
        ("nowhere/weights.pt", r"there is no such file, and no folder .*nowhere$"),
        (".", r"is a folder; name a file in it: weights\.pt$"),
    ],
)
def test_a_file_that_is_not_there_is_answered_with_the_nearest_before_anything_runs(
    tmp_path, given, message
):
    (tmp_path / "models").mkdir()
    for name in ("weights.pt", "notes.txt"):
        (tmp_path / "models" / name).touch()
    for check in (check_model, lambda asked: build_network(asked, 64)):
        with pytest.raises(BackboneError, match=message):
            check(model(weights=tmp_path / "models" / given))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3, "config": {"a": 1}}, "mapping of tensors: epoch, config"),
        ({"a\x1b]0;b\nc": 1}, r"mapping of tensors: a\\x1b\]0;b c$"),
        ([1, 2], "does not hold a mapping of tensors$"),
        ({"model": Path("x")}, "Nothing in it was executed"),
    ],
)
def test_a_file_without_weights_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(BackboneError, match=message):
        build_network(model(weights=tmp_path / "weights.pt"), 64)


def test_an_unknown_input_is_refused_with_those_there_are():
    check_model(model(channels="rgb_srm"))
    with pytest.raises(
        BackboneError, match=r"model\.input='srm' is none of rgb, rgb_srm, rgb_freq"
    ):
        check_model(model(channels="srm"))


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_convnext"])
def test_any_backbone_gives_two_logits_at_the_asked_size(backbone):
    images = torch.zeros(2, 3, 96, 96, dtype=torch.uint8)
    assert build_network(model(backbone), 96).eval()(images).shape == (2, 2)


def test_options_reach_the_backbone_and_unknown_ones_are_named():
    assert build_network(model(drop_rate=0.5), 64).backbone.drop_rate == 0.5
    with pytest.raises(BackboneError, match=r"'test_resnet' does not take .*drop_rat.*options"):
        build_network(model(drop_rat=0.5), 64)


@pytest.mark.parametrize(
    ("backbone", "from_file"),
    [
        ("test_resnet", True),
        ("mobilenetv1_100", False),
        ("mobilenetv1_100", True),
        ("deit_tiny_distilled_patch16_224", False),
    ],
)
def test_a_new_head_starts_undecided_so_that_trained_weights_are_not_lost(
    tmp_path, backbone, from_file
):
    torch.manual_seed(0)
    weights = None
    if from_file:
        weights = tmp_path / "weights.safetensors"
        save_file(timm.create_model(backbone, num_classes=10).state_dict(), weights)
    network = build_network(model(backbone, weights=weights), 64).train()
    spread = (network(IMAGES) - network(IMAGES).mean()).abs().max()
    assert spread < 1.0  # of the logits; mobilenetv1_100 as timm draws its head: above 10


@pytest.mark.parametrize("channels", ["rgb", "rgb_srm"])
def test_weights_of_two_classes_are_taken_whole(tmp_path, channels):
    torch.manual_seed(1)
    in_chans = 3 if channels == "rgb" else 6
    tuned = timm.create_model("test_resnet", num_classes=2, in_chans=in_chans).state_dict()
    save_file(tuned, tmp_path / "tuned.safetensors")
    path = tmp_path / "tuned.safetensors"
    assert not unlike(build_network(model(weights=path, channels=channels), 64), tuned)


def test_a_file_of_another_model_is_refused_and_its_keys_are_named(tmp_path, trained):
    path, state = tmp_path / "resnet.safetensors", trained.state_dict()
    save_file(state, path)
    with pytest.raises(BackboneError, match=r"not fit .*'test_convnext'.*the file lacks .*stem"):
        build_network(model("test_convnext", weights=path), 64)
    del state["conv1.0.weight"]
    save_file(state, path)
    with pytest.raises(BackboneError, match=r"lacks 1 of \d+ tensors, such as conv1\.0\.weig"):
        build_network(model(weights=path), 64)


def test_without_a_hub_both_remedies_are_named_and_nothing_starts_at_random(monkeypatch):
    def unreachable(*args, **kwargs):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", unreachable)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", unreachable)
    with pytest.raises(BackboneError, match=r"model\.pretrained=true.*service not known") as caught:
        build_network(model("test_resnet", pretrained=True), 64)
    assert "model.weights=FILE.safetensors" in str(caught.value)
    assert str(caught.value).endswith("start from random weights, model.pretrained=false alone")


def test_a_backbone_without_published_weights_does_not_start_at_random_either():
    name = next(n for n in timm.list_models("test_*") if not timm.list_pretrained(f"{n}.*"))
    with pytest.raises(BackboneError, match=r"could not be had.*No pretrained weights exist"):
        build_network(model(name, pretrained=True), 64)


def test_normalization_is_the_one_that_the_backbone_was_made_for():
    assert normalization_of("resnet18") == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert normalization_of("mobilenetv1_100") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    network = build_network(model("mobilenetv1_100"), 64)
    assert network.mean.flatten().tolist() == [0.5, 0.5, 0.5]


def test_a_blank_network_has_the_given_normalization():
    given = Preprocessing(64, "bilinear", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    network = build_blank_network(Detector("test_vit", {}, {}, given, epoch=1))
    assert network(IMAGES).shape == (2, 2)
    torch.testing.assert_close(network.std.flatten(), torch.tensor([0.4, 0.5, 0.6]))


@pytest.mark.parametrize("channels", [name for name in INPUTS if name != "rgb"])
@pytest.mark.parametrize(
    ("backbone", "first"), [("test_resnet", "conv1.0"), ("test_vit", "patch_embed.proj")]
)
def test_a_trained_first_layer_is_spread_over_the_further_channels(
    tmp_path, backbone, first, channels
):
    size = {"img_size": 64} if backbone == "test_vit" else {}
    state = timm.create_model(backbone, num_classes=10, **size).state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    loaded = build_network(
        model(backbone, weights=tmp_path / "weights.safetensors", channels=channels), 64
    )
    theirs, ours = state[f"{first}.weight"], loaded.backbone.state_dict()[f"{first}.weight"]
    torch.testing.assert_close(ours, torch.cat([theirs, theirs], dim=1) / 2)
    assert loaded.eval()(IMAGES).shape == (2, 2)
    assert first_layers_of(loaded.backbone) == (loaded.backbone.get_submodule(first),)


def test_a_network_at_the_limit_is_built_and_one_above_it_is_not():
    count = count_parameters(build_network(model(), 32))
    build_network(model(max_parameters=count), 32)
    with pytest.raises(BackboneError, match=rf"test_resnet has {count:,} parameters, 1 more than"):
        build_network(model(max_parameters=count - 1), 32)
