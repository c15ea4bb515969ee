"""A detector on disk opens anywhere, comes back as it was, and never runs what it finds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch

from face_forgery.modeling.detector import DetectorError
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.inputs import INPUTS


@pytest.fixture
def folder(tmp_path, make_detector):
    path = tmp_path / "detector"
    path.mkdir()
    write_detector(make_detector(), path)
    return path


def edit_meta(folder: Path, **changes) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | changes))


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("test_resnet", {}),
        ("test_resnet.r160_in1k", {"drop_rate": 0.2}),
        ("test_vit", {}),  # built for one size of image, which timm must be told
        ("test_resnet", {"global_pool": "max"}),
    ],
)
def test_timm_alone_opens_the_folder_and_gives_the_same_logits(
    tmp_path, make_detector, architecture, options
):
    detector = make_detector(architecture, image_size=48, options=options)
    write_detector(detector, tmp_path)

    backbone = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()

    config = backbone.pretrained_cfg
    mean, std = (torch.tensor(config[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    images = torch.randint(0, 256, (3, 3, 48, 48), dtype=torch.uint8)
    with torch.inference_mode():
        theirs = backbone((images / 255 - mean) / std)
        ours = detector.build_network()(images)
    assert backbone.num_classes == 2
    assert config["label_names"] == ["real", "fake"]
    assert list(config["input_size"]) == [3, 48, 48]
    # Rounding grows with the largest logit, and an untrained network's reach 17.
    assert (theirs - ours).abs().max() < 1e-5 * max(1, ours.abs().max())
    assert theirs.std() > 0.01  # not one constant for every image


def test_timm_resolves_the_same_preprocessing(folder):
    config = timm.create_model(f"local-dir:{folder}").pretrained_cfg
    data = timm.data.resolve_data_config(pretrained_cfg=config)
    assert (tuple(data["input_size"]), data["interpolation"]) == ((3, 32, 32), "bilinear")
    assert (data["crop_pct"], data["crop_mode"]) == (1.0, "squash")
    assert (tuple(data["mean"]), tuple(data["std"])) == ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def in_channels_last(weights):
    """The same weights in another order of memory."""
    return {
        name: value.to(memory_format=torch.channels_last) if value.ndim == 4 else value
        for name, value in weights.items()
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"metrics": None, "operating_points": None},
        {"precision": "bfloat16"},
        {"truncate_after": "layer3"},
    ],
    ids=str,
)
def test_a_detector_comes_back_as_it_was(tmp_path, make_detector, changes):
    detector = make_detector(**changes)
    write_detector(replace(detector, weights=in_channels_last(detector.weights)), tmp_path)
    again = read_detector(tmp_path)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        assert torch.equal(again.build_network()(images), detector.build_network()(images))
    assert again.identity() == detector.identity()
    assert {k: v for k, v in vars(again).items() if k != "weights"} == {
        k: v for k, v in vars(detector).items() if k != "weights"
    }
    assert again.weights.keys() == detector.weights.keys()
    assert all(torch.equal(again.weights[k], v) for k, v in detector.weights.items())


def test_the_same_detector_gives_the_same_bytes(tmp_path, make_detector):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_detector(make_detector(), tmp_path / name)
    for name in ("config.json", "model.safetensors", "meta.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_could_not_be_read_again_is_not_written(tmp_path, make_detector):
    with pytest.raises(DetectorError, match="do not fit test_resnet"):
        write_detector(make_detector(weights=make_detector("test_vit").weights), tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_detector(make_detector(metrics={"auc": float("nan")}), tmp_path)


def test_no_folder_names_the_pipelines_that_make_one(tmp_path):
    with pytest.raises(DetectorError, match=r"no detector yet; train one .pipelines training and"):
        read_detector(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "meta.json"])
def test_a_missing_file_and_a_changed_byte_are_found(folder, name):
    content = bytearray((folder / name).read_bytes())
    (folder / name).unlink()
    with pytest.raises(DetectorError, match=rf"{name} is missing; train again"):
        read_detector(folder)
    content[-2] ^= 1
    (folder / name).write_bytes(content)
    message = "not JSON" if name == "meta.json" else "the content is not what meta.json says"
    with pytest.raises(DetectorError, match=rf"{name}: {message}"):
        read_detector(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": -1}, "epoch: Input should be greater than or equal to 0"),
        ({"preprocessing": {"image_size": 32}}, "preprocessing.interpolation: Field required"),
        (None, "meta.json: not a description of a detector"),
    ],
)
def test_a_description_with_wrong_fields_is_refused(folder, changes, message):
    if changes is None:
        (folder / "meta.json").write_text("[1]")
    else:
        edit_meta(folder, **changes)
    with pytest.raises(DetectorError, match=message):
        read_detector(folder)


def test_identity_follows_from_what_scores_follow_from(make_detector):
    detector = make_detector()
    same = replace(detector, metrics=None, operating_points=None, epoch=9, weights={
        name: value.clone() for name, value in reversed(detector.weights.items())
    })  # fmt: skip
    assert same.identity() == detector.identity()
    weights = detector.weights | {"fc.bias": detector.weights["fc.bias"] + 1e-6}
    others = (
        replace(detector, weights=weights),
        *(replace(detector, input=name) for name in INPUTS if name != "rgb"),
        replace(detector, tta="flip"),
        replace(detector, tta="flip_crop"),
        replace(detector, preprocessing=replace(detector.preprocessing, image_size=48)),
        replace(detector, options={"drop_rate": 0.1}),
        replace(detector, precision="bfloat16"),
        replace(detector, truncate_after="layer3"),
    )
    assert len({detector.identity(), *(other.identity() for other in others)}) == 10


def to_format_2(meta, views):
    """Write what the release before wrote."""
    meta = meta | {"format": 2, "views": views, "cut_after": meta["truncate_after"]}
    return {name: value for name, value in meta.items() if name not in ("tta", "truncate_after")}


@pytest.mark.parametrize(
    ("tta", "views"),
    [
        ("none", ["whole"]),
        ("flip", ["whole", "flipped"]),
        ("flip_crop", ["whole", "flipped", "closer", "closer_flipped"]),
    ],
)
def test_a_folder_of_the_release_before_opens_with_the_same_identity(
    tmp_path, make_detector, tta, views
):
    detector = make_detector(tta=tta, truncate_after="layer3")
    write_detector(detector, tmp_path)
    meta = to_format_2(json.loads((tmp_path / "meta.json").read_text()), views)
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    again = read_detector(tmp_path)
    assert (again.tta, again.truncate_after) == (tta, "layer3")
    assert again.identity() == detector.identity()


def test_an_older_folder_still_without_later_fields_opens_too(folder, make_detector):
    meta = to_format_2(json.loads((folder / "meta.json").read_text()), ["whole"])
    later = ("views", "cut_after", "input", "faces", "precision")
    meta = {name: value for name, value in meta.items() if name not in later}
    (folder / "meta.json").write_text(json.dumps(meta))
    assert read_detector(folder).identity() == make_detector().identity()


@pytest.mark.parametrize(
    ("architecture", "channels"), [("test_resnet", "rgb_srm"), ("test_vit", "rgb_frequency")]
)
def test_with_further_channels_timm_opens_the_backbone_that_reads_them(
    tmp_path, make_detector, architecture, channels
):
    detector = make_detector(architecture, image_size=48, input=channels)
    write_detector(detector, tmp_path)
    again = read_detector(tmp_path)
    assert again.input == channels
    assert again.identity() == detector.identity()

    backbone = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()

    config = backbone.pretrained_cfg
    mean, std = (torch.tensor(config[name]).view(1, 6, 1, 1) for name in ("mean", "std"))
    seeded = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 48, 48), generator=seeded, dtype=torch.uint8)
    network = again.build_network()
    with torch.inference_mode():
        colors_and_more = torch.cat([images / 255, network.extra(images.float())], dim=1)
        theirs = backbone((colors_and_more - mean) / std)
        ours = network(images)
    assert list(config["input_size"]) == [6, 48, 48]
    torch.testing.assert_close(theirs, ours, atol=1e-4, rtol=1e-4)
    assert theirs.std() > 0.01
