"""What a detector folder may cost is known before it is built."""

import json
from hashlib import sha256

import pytest
import torch

from face_forgery.modeling.detector import BackboneError, Detector, DetectorError, Preprocessing
from face_forgery.modeling.detector_folder import (
    _EnsembleMeta,
    _Member,
    read_detector,
    read_meta,
    write_detector,
)
from face_forgery.modeling.factory import plan_backbone

SMALL = {"embed_dim": 8, "depth": 1, "num_heads": 1}


def detector(name, size, weights=None, **options):
    how = Preprocessing(size, "bilinear", (0.5,) * 3, (0.5,) * 3)
    return Detector(name, options, weights or {}, how, 1)


@pytest.mark.parametrize(
    ("name", "size", "options", "message"),
    [
        ("vit_tiny_patch16_224", 512, SMALL | {"patch_size": 1, "pos_embed": "none"}, "numbers"),
        ("beit_base_patch16_224", 1024, SMALL | {"patch_size": 8}, "numbers"),
        ("convit_tiny", 2048, {"embed_dim": 4, "depth": 1, "num_heads": 4}, "numbers"),
    ],
)
def test_a_network_too_costly_for_an_image_is_refused(name, size, options, message):
    with pytest.raises(BackboneError, match=message):
        plan_backbone(detector(name, size, **options))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet50", 224),
        ("vit_giant_patch14_dinov2", 518),
        ("swinv2_large_window12to24_192to384", 384),
        ("tiny_vit_21m_512", 512),
    ],
)
def test_the_largest_of_timm_are_planned(name, size):
    assert next(plan_backbone(detector(name, size)).parameters()).is_meta


def test_a_network_of_too_many_operations_is_refused(monkeypatch):
    monkeypatch.setattr("face_forgery.modeling.cost.MAX_FLOPS", 1000)
    with pytest.raises(BackboneError, match="operations, more than 1,000"):
        plan_backbone(detector("test_resnet", 32))


def test_an_ensemble_names_no_member_twice():
    one = {"folder": "members/a", "architecture": "x", "identity": "1"}
    with pytest.raises(ValueError, match="names a member twice"):
        _EnsembleMeta._members_differ([_Member(**one), _Member(**one | {"folder": "members/b"})])


def test_empty_tensors_allow_no_layers():
    empty = dict.fromkeys(map(str, range(10_000)), torch.zeros(0))
    with pytest.raises(BackboneError, match="3,000 layers, and there are 0 weights"):
        plan_backbone(detector("resnet18", 32, empty, layers=[1, 1, 60_000, 1]))


@pytest.fixture
def folder(tmp_path, make_detector):
    write_detector(make_detector(), tmp_path)
    return tmp_path


def edit_meta(folder, **changes):
    path = folder / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def nested(depth):
    return [] if depth == 0 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"a": float("nan"), "depth": 10**9}}, "must not hold nan"),
        ({"options": {"a": 10**400}}, "must not hold 1000"),
        ({"options": {"a": "x" * 20_000}}, "more than 10,000"),
        ({"options": {"window_sizes": [7, 64]}}, "a window of more than 32"),
        ({"training": {"a": nested(60)}}, "not a description of a detector"),
    ],
)
def test_options_without_measure_are_refused(folder, changes, message):
    edit_meta(folder, **changes)
    with pytest.raises(DetectorError, match=message):
        read_meta(folder)


def test_weights_far_larger_than_their_network_are_not_read(folder):
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(DetectorError, match=r"its 1,099,511,627,776 bytes are more than"):
        read_detector(folder)


def test_numbers_of_a_type_that_torch_lacks_are_refused(folder):
    header = json.dumps({"a": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(8)
    (folder / "model.safetensors").write_bytes(content)
    meta = json.loads((folder / "meta.json").read_text())
    edit_meta(folder, sha256=meta["sha256"] | {"model.safetensors": sha256(content).hexdigest()})
    with pytest.raises(DetectorError, match="not a safetensors file"):
        read_detector(folder)
