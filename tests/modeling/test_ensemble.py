"""Several detectors as one: the mean of their calibrated scores, on disk as in memory."""

import json
import logging
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from scipy.special import expit

from face_forgery.modeling.detector import DetectorError
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.export import export_onnx
from face_forgery.modeling.forward_path import measure_margins, score_images
from face_forgery.params import FacesParams

CPU = torch.device("cpu")
HOW = {"data_fingerprint": "f" * 64, "code_version": {}, "other_data": "refuse"}
FACES = FacesParams(detector="a.onnx", min_confidence=0.7, margin=0.3, min_size=48, max_blur=0.8)


@pytest.fixture
def members(make_detector):
    return {
        "a": make_detector(temperature=2.0),
        "b": make_detector("test_vit", temperature=0.5, tta="flip"),
        "c": make_detector(temperature=3.0, input="rgb_srm"),
    }


@pytest.fixture
def images():
    return torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)


def test_the_score_is_the_mean_of_the_calibrated_scores(members, images):
    by_hand = [score_images(one.build_network(), images, CPU) for one in members.values()]
    joined = join_detectors(members, **HOW)
    scores = score_images(joined.build_network(), images, CPU)
    np.testing.assert_allclose(scores, np.mean(by_hand, axis=0), atol=1e-12)
    assert np.ptp(by_hand, axis=0).max() > 0.1  # the members differ
    assert joined.num_passes == 4
    assert joined.architecture == "2 x test_resnet + test_vit"


def test_the_temperature_divides_the_margin_of_the_mean(members, images):
    joined = join_detectors(members, **HOW)
    margins = measure_margins(joined.build_network(), images, CPU)
    scores = score_images(replace(joined, temperature=2.5).build_network(), images, CPU)
    np.testing.assert_allclose(scores, expit(margins / 2.5), atol=1e-12)


def test_very_certain_members_stay_apart(make_detector):
    certain = {name: make_detector(temperature=t) for name, t in (("a", 0.001), ("b", 0.002))}
    images = torch.randint(0, 256, (40, 3, 32, 32), dtype=torch.uint8)
    margins = measure_margins(join_detectors(certain, **HOW).build_network(), images, CPU)
    assert np.abs(margins).max() > 750  # beyond what a float64 probability can say
    assert len(np.unique(margins)) == 40


def test_members_and_temperature_are_part_of_the_identity_and_their_order_is_not(members, images):
    joined = join_detectors(members, **HOW)
    fewer = join_detectors({name: members[name] for name in "ab"}, **HOW)
    calibrated = replace(joined, temperature=1.5)
    assert len({one.identity() for one in (joined, fewer, calibrated)}) == 3
    back = join_detectors(dict(reversed(members.items())), **HOW)
    assert joined.identity() == back.identity()
    np.testing.assert_array_equal(
        *(score_images(one.build_network(), images, CPU) for one in (joined, back))
    )


def test_a_folder_comes_back_as_it_was_and_timm_opens_its_members(members, images, tmp_path):
    joined = replace(join_detectors(members, **HOW), temperature=1.5, metrics={"auc": 0.9})
    write_detector(joined, tmp_path)
    again = read_detector(tmp_path)
    assert again.identity() == joined.identity()
    assert {k: v for k, v in vars(again).items() if k != "members"} == {
        k: v for k, v in vars(joined).items() if k != "members"
    }
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert [member["identity"] for member in meta["ensemble"]] == [
        member.identity() for member in joined.members
    ]
    for member, described in zip(joined.members, meta["ensemble"], strict=True):
        backbone = timm.create_model(f"local-dir:{tmp_path / described['folder']}", pretrained=True)
        assert backbone.state_dict().keys() == member.weights.keys()
    np.testing.assert_array_equal(
        *(score_images(one.build_network(), images, CPU) for one in (again, joined))
    )


@pytest.mark.parametrize("name", ["meta.json", "model.safetensors", "config.json"])
def test_a_damaged_missing_or_changed_member_is_named(members, tmp_path, name):
    write_detector(join_detectors(members, **HOW), tmp_path)
    path = sorted((tmp_path / "members").iterdir())[1] / name
    contents = [b"damaged", None]
    if name == "meta.json":
        contents.append(json.dumps(json.loads(path.read_text()) | {"temperature": 7.0}).encode())
    for content in contents:
        path.unlink(missing_ok=True) if content is None else path.write_bytes(content)
        with pytest.raises(DetectorError, match=rf"members/2_.*{name}"):
            read_detector(tmp_path)


def test_members_that_do_not_go_together_are_refused_by_name(members, make_detector):
    one = members["a"]
    joined = join_detectors(members, **HOW)
    unknown = replace(one, operating_points=None)
    for named, message in [
        ({}, "no detector to join; name folders"),
        ({"a": one, "x": joined}, r"x is an ensemble itself; name its members instead: x/members"),
        ({"a": one, "x": unknown}, r"x was not evaluated.*pipeline evaluation"),
        ({"a": one, "x": make_detector(temperature=2.0)}, "x and a are the same detector"),
    ]:
        with pytest.raises(DetectorError, match=message):
            join_detectors(named, **HOW)


def with_reading(detector, **changes):
    return replace(detector, preprocessing=replace(detector.preprocessing, **changes))


def test_members_that_are_shown_other_images_are_refused(make_detector, tmp_path):
    cut = make_detector(faces=FACES, face_model=b"x")
    close = {"faces": FACES.model_copy(update={"margin": 0.5}), "face_model": b"x"}
    for other, shown in [
        (make_detector("test_vit", image_size=48, faces=FACES, face_model=b"x"), "48 pixels"),
        (with_reading(cut, interpolation="bicubic"), "bicubic"),
        (with_reading(cut, scaled_decoding=True), "scaled decoding"),
        (make_detector("test_vit"), "whole images"),
        (make_detector("test_vit", **close), "margin=0.5"),
        (make_detector("test_vit", faces=FACES, face_model=b"y"), "detector a1fce436"),
    ]:
        message = rf"b \(.*{shown}.*\) and a \(32 pixels, bilinear, .*margin=0\.3.*same parameters"
        with pytest.raises(DetectorError, match=message):
            join_detectors({"a": cut, "b": other}, **HOW)
    elsewhere = FACES.model_copy(update={"detector": "other/folder.onnx"})
    same = make_detector("test_vit", faces=elsewhere, face_model=b"x")
    assert join_detectors({"a": cut, "b": same}, **HOW).face_model == b"x"


def test_an_ensemble_of_unequal_sizes_of_an_earlier_release_says_why_it_does_not_open(
    members, make_detector, tmp_path
):
    joined = join_detectors(members, **HOW)
    other = make_detector("test_vit", image_size=48)
    write_detector(replace(joined, members=(*joined.members, other)), tmp_path)
    with pytest.raises(DetectorError, match=r"members/4_test_vit \(48 pixels.*train them with the"):
        read_detector(tmp_path)


def test_members_of_another_split_are_refused_or_warned_about(members, caplog):
    members["b"] = replace(members["b"], data_fingerprint="0" * 64)
    with pytest.raises(
        DetectorError, match=r"1 of 3 members .*b \(00000000\.\.\.\).*other_data=al"
    ):
        join_detectors(members, **HOW)
    with caplog.at_level(logging.WARNING):
        join_detectors(members, **HOW | {"other_data": "allow"})
    assert "1 of 3 members were trained and selected on another split" in caplog.text


def test_members_keep_precision_and_tta_with_a_warning(members, caplog):
    joined = join_detectors(members, **HOW)
    assert joined.scored_by("float32", "none") is joined
    assert "1 of 3 members keep the precision and the TTA" in caplog.text


def test_members_count_together_but_a_backbone_they_share_once(make_detector):
    one = make_detector()
    head = {name for name in one.weights if name.startswith("fc")}
    other = {name: value + (name in head) for name, value in one.weights.items()}
    stranger = make_detector("test_vit")
    apart = join_detectors({"a": one, "b": stranger}, **HOW)
    assert apart.count_parameters() == one.count_parameters() + stranger.count_parameters()
    shared = join_detectors({"a": one, "b": replace(one, weights=other)}, **HOW)
    size_of_head = sum(one.weights[name].numel() for name in head)
    assert shared.count_parameters() == one.count_parameters() + size_of_head
    with torch.inference_mode():
        logits = shared.build_network()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    assert torch.isfinite(logits).all()


@pytest.mark.slow
def test_an_ensemble_is_exported_with_its_tta(members, images):
    viewed = replace(members["a"], temperature=6.0, tta="flip_crop")
    joined = join_detectors({"a": members["a"], "b": viewed}, **HOW)
    joined = replace(joined, temperature=1.3)
    session = onnxruntime.InferenceSession(export_onnx(joined))
    (theirs,) = session.run(["y_pred"], {"images": images.numpy()})
    ours = score_images(joined.build_network(), images, CPU)
    np.testing.assert_allclose(theirs, ours, atol=1e-4)
    assert theirs.dtype == np.float32
