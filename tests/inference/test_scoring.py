"""Every image gets a score or a reason, and how it is read changes nothing."""

import os

import numpy as np
import pandas as pd
import pytest
import torch

import face_forgery as ff
from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.images.listing import list_images
from face_forgery.inference.scoring import score_manifest
from face_forgery.inference.verdicts import PREDICTION_COLUMNS, decide
from face_forgery.modeling.detector import DetectorError

READING = {"batch_size": 4, "num_workers": 0}


@pytest.fixture
def folder(tmp_path, make_picture):
    """Thirteen images of different sizes and formats: more than two batches of five."""
    for seed in range(13):
        suffix = ("jpg", "png", "webp")[seed % 3]
        make_picture(seed, height=60 + seed, width=90).save(tmp_path / f"{seed:02d}.{suffix}")
    return tmp_path


@pytest.fixture
def manifest(folder):
    return pd.DataFrame({"path": sorted(path.name for path in folder.iterdir())})


def test_a_score_is_the_softmax_of_the_fake_logit(make_detector, folder, manifest):
    """A slow reference: one image at a time, every step by hand."""
    detector = make_detector()
    backbone = detector.build_network().backbone.double()
    expected = []
    for name in manifest["path"]:
        pixels = torch.from_numpy(read_rgb(folder / name)).permute(2, 0, 1)[None]
        small = torch.nn.functional.interpolate(
            pixels.float(), (32, 32), mode="bilinear", antialias=True, align_corners=False
        ).round()
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
        with torch.inference_mode():
            real, fake = backbone(((small / 255 - mean) / std).double())[0].tolist()
        expected.append(1 / (1 + np.exp(real - fake)))
    scores = score_manifest(detector, manifest, folder, **READING).scores
    assert np.abs(scores - expected).max() < 0.02  # uint8 rounding of the resized image


def test_a_manifest_with_a_bad_image_is_an_error_that_names_it(make_detector, folder, manifest):
    (folder / manifest["path"][1]).write_bytes(b"text")
    (folder / manifest["path"][5]).unlink()
    with pytest.raises(ImageError, match=r"2 of 13 images .*01\.png: not an image.*05\.webp: no"):
        score_manifest(make_detector(), manifest, folder, **READING)
    assert score_manifest(make_detector(), manifest.head(0), folder, **READING).scores.shape == (0,)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_bad_image_stops_nothing_and_says_why(
    make_detector, judge_all, awkward_folder, tmp_path, num_workers
):
    images = list_images(tmp_path / "pictures")
    how = {"min_size": 48, "batch_size": 2, "num_workers": num_workers}
    predictions = judge_all(make_detector(), images, **how)
    assert tuple(predictions.columns) == PREDICTION_COLUMNS
    assert dict(zip(predictions["img_name"], predictions["status"], strict=True)) == awkward_folder
    ok = predictions["status"] == "ok"
    assert predictions.loc[ok, "y_pred"].between(0, 1).all()
    assert predictions.loc[ok, "verdict"].isin(["real", "fake", "unsure"]).all()
    assert (predictions.loc[ok, "detail"] == "").all()
    assert predictions.loc[~ok, ["y_pred", "verdict"]].isna().all(axis=None)
    assert (predictions.loc[~ok, "detail"] != "").all()
    details = predictions.set_index("img_name")["detail"]
    assert details["empty_folder"] == "a folder with no file in it"
    assert details["sub/small.png"].startswith("200 x 20 pixels; the shorter side needs 48")
    bad = judge_all(make_detector(), images[~ok].reset_index(drop=True), **how)
    assert not (bad["status"] == "ok").any()


def test_the_smallest_size_is_judged_and_a_missing_image_says_where_it_was_sought(
    make_detector, judge_all, make_picture, tmp_path
):
    make_picture(height=48, width=90).save(tmp_path / "a.png")
    make_picture(height=90, width=47).save(tmp_path / "b.png")
    (tmp_path / "list.csv").write_text("img_name\na.png\nb.png\nsub/gone.jpg\n")
    predictions = judge_all(make_detector(), list_images(tmp_path / "list.csv"), min_size=48)
    assert predictions["status"].tolist() == ["ok", "too_small", "missing"]
    assert predictions["detail"][2] == f"no such file: {tmp_path / 'sub' / 'gone.jpg'}"


def test_images_in_memory_are_judged_as_files_are(
    make_detector, judge_all, awkward_folder, tmp_path
):
    detector = make_detector()
    images = list_images(tmp_path / "pictures")
    images = images[images["problem"].isna()].reset_index(drop=True)
    from_files = judge_all(detector, images, min_size=48)
    contents = [open(path, "rb").read() for path in images["path"]]  # noqa: PTH123, SIM115
    judged = ff.Detector(detector, min_size=48).judge(contents * 5)  # several batches
    in_memory = pd.DataFrame(judged)
    expected = pd.concat([from_files] * 5, ignore_index=True)
    assert (in_memory[["status", "detail"]] == expected[["status", "detail"]]).all(axis=None)
    assert in_memory["verdict"].fillna("").tolist() == expected["verdict"].fillna("").tolist()
    np.testing.assert_allclose(in_memory["score"].astype(float), expected["y_pred"], atol=1e-6)


def test_without_operating_points_the_error_names_the_command(make_detector):
    detector = make_detector(operating_points=None)
    with pytest.raises(DetectorError, match="kedro run --pipelines evaluation"):
        ff.Detector(detector, min_size=1).judge([b""])


def test_a_network_that_gives_no_number_is_an_error(make_detector, folder, manifest):
    weights = {
        name: torch.full_like(value, torch.nan) if value.is_floating_point() else value
        for name, value in make_detector().weights.items()
    }
    with pytest.raises(DetectorError, match="gives no number for 4 of 4 images"):
        score_manifest(make_detector(weights=weights), manifest, folder, **READING)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_file_name_that_is_no_text_is_judged(
    make_detector, judge_all, make_picture, encode, tmp_path
):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(encode(make_picture()))
    (tmp_path / os.fsdecode(b"caf\xea.jpg")).symlink_to(tmp_path / "gone")
    predictions = judge_all(make_detector(), list_images(tmp_path))
    assert predictions["status"].tolist() == ["ok", "missing"]
    assert predictions["detail"][1].endswith(r"caf\xea.jpg")
    predictions.to_csv(tmp_path / "predictions.csv")  # what cannot be encoded would raise


def test_thresholds_belong_to_fake_and_to_unsure_and_what_is_no_number_to_none(make_detector):
    points = make_detector().operating_points
    below = np.nextafter([points.real_threshold, points.fake_threshold], 0)
    at = np.array([points.real_threshold, points.fake_threshold])
    assert decide(below, points).tolist() == ["real", "unsure"]
    assert decide(at, points).tolist() == ["unsure", "fake"]
    assert decide(np.array([0.0, 1.0]), points).tolist() == ["real", "fake"]
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        decide(np.array([0.5, np.nan]), points)
