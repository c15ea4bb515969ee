"""A checkpoint of timm becomes a detector with the scores that timm gives, or is refused."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from face_forgery.modeling.adopting.adopt import adopt_model
from face_forgery.modeling.detector import BackboneError
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.forward_path import score_images
from face_forgery.modeling.provenance import describe_training_data
from face_forgery.params import AdoptParams

CPU, SIZE = torch.device("cpu"), 32
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
IMAGES = torch.randint(
    0, 256, (4, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
)


def describe(model, **changes):
    said = {
        "architecture": "test_resnet",
        "options": {},
        "fake": None,
        "image_size": SIZE,
        "interpolation": "bilinear",
        "mean": MEAN,
        "std": STD,
    }
    return AdoptParams(model=str(model), **said | changes)


def build(num_classes, name="test_resnet"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model(name, num_classes=num_classes).eval()
        if num_classes:
            torch.nn.init.normal_(network.get_classifier().weight)
    return network


def logits_of(network):
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    with torch.inference_mode():
        return network((IMAGES / 255 - mean) / std).double()


@pytest.fixture
def checkpoint(tmp_path):
    file = tmp_path / "model.pth"
    torch.save(build(2).state_dict(), file)
    return file


@pytest.mark.parametrize("fake", [0, 1])
@pytest.mark.parametrize("num_logits", [1, 2])
def test_scores_are_those_of_timm(tmp_path, num_logits, fake):
    network = build(num_logits)
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    adopted = adopt_model(describe(tmp_path / "model.safetensors", fake=fake))
    logits = logits_of(network)
    expected = torch.sigmoid(logits[:, 0]) if num_logits == 1 else logits.softmax(1)[:, 1]
    expected = expected if fake else 1 - expected
    found = score_images(adopted.build_network(), IMAGES, CPU)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std() > 0.001
    (tmp_path / "folder").mkdir()
    write_detector(adopted, tmp_path / "folder")
    stored = read_detector(tmp_path / "folder")
    assert (stored.identity(), stored.epoch) == (adopted.identity(), 0)
    assert stored.training_data == adopted.training_data
    told = "Trained elsewhere (model.safetensors): what it learnt from is unknown."
    assert describe_training_data(stored.training_data) == told


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"state_dict": {f"model.{n}": w for n, w in weights.items()}},
        lambda weights: {"model": {f"module.{n}": w for n, w in weights.items()}},
        lambda weights: {"model_state_dict": {f"backbone.{n}": w for n, w in weights.items()}},
        lambda weights: {"net": {f"encoder.{n}": w for n, w in weights.items()}, "epoch": 3},
        lambda weights: {f"module.model.{n}": w.half() for n, w in weights.items()},
    ],
    ids=["lightning", "parallel", "backbone", "encoder", "half precision"],
)
def test_wrappings_are_taken_off(tmp_path, wrap):
    weights = build(2).state_dict()
    torch.save(wrap(weights), tmp_path / "model.pth")
    adopted = adopt_model(describe(tmp_path / "model.pth", fake=1))
    assert adopted.weights.keys() == weights.keys()
    assert {str(one.dtype) for one in adopted.weights.values()} == {"torch.float32", "torch.int64"}
    np.testing.assert_allclose(adopted.weights["fc.weight"], weights["fc.weight"], rtol=1e-3)


@pytest.mark.parametrize(
    ("num_classes", "changes", "why"),
    [
        (2, {}, r"does not say what means fake; say which of its logits 0 to 1 .*adopt\.fake=1"),
        (1, {}, r"say adopt\.fake=1 if high values of its single logit mean fake"),
        (2, {"fake": 2}, r"adopt\.fake=2 does not fit .* with 2 logit"),
        (2, {"fake": (0, 1)}, "some must be left to mean real"),
        (0, {"fake": 1}, r"has no head: fc\.weight is not among its \d+ tensors"),
        (3, {"fake": 1}, "tells 3 classes apart"),
        (2, {"fake": 1, "architecture": "test_resnot"}, r"adopt\.architecture='test_resnot' is not "
            "a timm model; did you mean test_resnet"),
        (2, {"fake": 1, "architecture": None}, r"give adopt\.architecture"),
        (2, {"fake": 1, "architecture": "resnet10t"}, r"(?s)does not fit|has no head"),
        (2, {"fake": 1, "options": {"channels": (8, 8, 8, 8)}}, r"the shapes differ of \d+ of \d+ "
            "tensors, such as"),
        (2, {"fake": 1, "options": {"nothing": 1}}, r"adopt\.options={'nothing': 1}"),
        (2, {"fake": 1, "mean": None, "image_size": None}, r"give adopt\.image_size, adopt\.mean "
            "as it was trained"),
    ],
)  # fmt: skip
def test_what_is_not_said_or_does_not_fit_is_refused_in_a_line(tmp_path, num_classes, changes, why):
    torch.save(build(num_classes).state_dict(), tmp_path / "model.pth")
    with pytest.raises(BackboneError, match=why) as caught:
        adopt_model(describe(tmp_path / "model.pth", **changes))
    assert "\n" not in str(caught.value)
    assert "model.backbone" not in str(caught.value)


class Opened:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("dump", [pickle.dump, torch.save], ids=["pickle", "torch"])
def test_a_pickle_is_refused_and_not_executed(tmp_path, dump):
    with (tmp_path / "model.pth").open("wb") as file:
        dump({"state_dict": Opened(str(tmp_path / "executed"))}, file)
    with pytest.raises(BackboneError, match=r"adopt\.model=.*Nothing in it was executed"):
        adopt_model(describe(tmp_path / "model.pth", fake=1))
    assert not (tmp_path / "executed").exists()


def test_a_folder_of_timm_says_it_all(tmp_path, caplog):
    network = build(2)
    network.pretrained_cfg |= {"input_size": (3, SIZE, SIZE), "mean": MEAN, "std": STD}
    labels = {"label_names": ["deepfake", "real"]}
    timm.models.save_for_hf(network, tmp_path, labels, safe_serialization=True)
    nothing = dict.fromkeys(("architecture", "image_size", "interpolation", "mean", "std"))
    adopted = adopt_model(describe(tmp_path, **nothing))
    expected = logits_of(network).softmax(1)[:, 0]
    found = score_images(adopted.build_network(), IMAGES, CPU)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    adopt_model(describe(tmp_path, **nothing | {"fake": 1}))
    assert "adopt.fake=1, although its labels are 0: 'deepfake', 1: 'real'" in caplog.text
    with pytest.raises(BackboneError, match=r"adopt\.architecture=test_resnet has no effect"):
        adopt_model(describe(tmp_path))


def test_a_missing_file_is_named_with_the_nearest(checkpoint):
    with pytest.raises(BackboneError, match=r"adopt\.model=.*did you mean model\.pth"):
        adopt_model(describe(Path(checkpoint).with_name("modle.pth"), fake=1))
