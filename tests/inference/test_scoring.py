"""Every picture gets a score or a reason, and how they are read changes nothing."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.listing import list_images
from face_forgery.inference.scoring import (
    PREDICTION_COLUMNS,
    judge,
    judge_bytes,
    score_manifest,
)
from face_forgery.modeling.detector import DetectorError

READING = {"batch_size": 4, "num_workers": 0}


@pytest.fixture
def folder(tmp_path, make_picture):
    """Thirteen pictures of different sizes and formats: more than two batches of five."""
    for seed in range(13):
        suffix = ("jpg", "png", "webp")[seed % 3]
        make_picture(seed, height=60 + seed, width=90).save(tmp_path / f"{seed:02d}.{suffix}")
    return tmp_path


@pytest.fixture
def manifest(folder):
    return pd.DataFrame({"path": sorted(path.name for path in folder.iterdir())})


@pytest.mark.parametrize(("batch_size", "num_workers"), [(1, 0), (4, 0), (64, 0), (5, 2), (5, 1)])
def test_batches_and_workers_do_not_change_a_score(
    make_detector, folder, manifest, batch_size, num_workers
):
    reference = score_manifest(make_detector(), manifest, folder, batch_size=13, num_workers=0)
    scored = score_manifest(
        make_detector(), manifest, folder, batch_size=batch_size, num_workers=num_workers
    )
    assert np.abs(scored.scores - reference.scores).max() < 1e-6
    assert reference.scores.std() > 0.01  # otherwise a mix-up of pictures would not show


def test_a_score_is_the_softmax_of_the_fake_logit(make_detector, folder, manifest):
    """A slow reference: one picture at a time, every step by hand."""
    from face_forgery.data.images.decoding import read_rgb

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
    assert np.abs(scores - expected).max() < 0.02  # uint8 rounding of the resized picture


def test_a_manifest_with_a_bad_image_is_an_error_that_names_it(make_detector, folder, manifest):
    (folder / manifest["path"][1]).write_bytes(b"text")
    (folder / manifest["path"][5]).unlink()
    with pytest.raises(ImageError, match=r"2 of 13 images .*01\.png: not an image.*05\.webp: no"):
        score_manifest(make_detector(), manifest, folder, **READING)


def test_an_empty_manifest_has_no_scores(make_detector, folder, manifest):
    scored = score_manifest(make_detector(), manifest.head(0), folder, **READING)
    assert scored.scores.shape == (0,)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_bad_picture_stops_nothing_and_says_why(
    make_detector, awkward_folder, tmp_path, num_workers
):
    predictions = judge(
        make_detector(),
        list_images(tmp_path / "pictures"),
        min_size=48,
        batch_size=2,
        num_workers=num_workers,
    )
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


def test_a_picture_of_exactly_the_smallest_size_is_judged(make_detector, make_picture, tmp_path):
    make_picture(height=48, width=90).save(tmp_path / "a.png")
    make_picture(height=90, width=47).save(tmp_path / "b.png")
    predictions = judge(make_detector(), list_images(tmp_path), min_size=48, **READING)
    assert predictions["status"].tolist() == ["ok", "too_small"]


def test_a_missing_picture_says_where_it_was_sought(make_detector, folder):
    (folder / "list.csv").write_text("img_name\n00.jpg\nsub/gone.jpg\n")
    predictions = judge(make_detector(), list_images(folder / "list.csv"), min_size=1, **READING)
    assert predictions["status"].tolist() == ["ok", "missing"]
    assert predictions["detail"][1] == f"no such file: {folder / 'sub' / 'gone.jpg'}"


@pytest.mark.parametrize("num_workers", [0, 2])
def test_nothing_but_bad_pictures_is_judged_too(make_detector, tmp_path, num_workers):
    for name in "abcde":
        (tmp_path / name).write_bytes(b"")
    predictions = judge(
        make_detector(), list_images(tmp_path), min_size=1, batch_size=2, num_workers=num_workers
    )
    assert predictions["status"].tolist() == ["unreadable"] * 5


def test_verdicts_follow_the_operating_points(make_detector, folder, manifest):
    from dataclasses import replace

    detector = make_detector()
    scores = score_manifest(detector, manifest, folder, **READING).scores
    low, high = np.quantile(scores, [0.3, 0.7])
    points = replace(detector.operating_points, real_threshold=low, fake_threshold=high)
    detector = replace(detector, operating_points=points)
    predictions = judge(detector, list_images(folder), min_size=1, **READING)
    expected = np.where(scores >= high, "fake", np.where(scores < low, "real", "unsure"))
    assert predictions["verdict"].tolist() == expected.tolist()


def test_pictures_in_memory_are_judged_as_files_are(make_detector, awkward_folder, tmp_path):
    detector = make_detector()
    pictures = list_images(tmp_path / "pictures")
    pictures = pictures[pictures["problem"].isna()].reset_index(drop=True)
    from_files = judge(detector, pictures, min_size=48, **READING)
    with_bytes = [open(path, "rb").read() for path in pictures["path"]]  # noqa: PTH123, SIM115
    network = detector.build_network()
    for given in (None, network):
        in_memory = judge_bytes(detector, with_bytes * 5, min_size=48, network=given)
        assert len(in_memory) == 5 * len(pictures)  # more than one batch
        for judgement, (_, row) in zip(in_memory, from_files.iterrows(), strict=False):
            assert judgement.status == row["status"]
            assert judgement.detail == row["detail"]
            if judgement.status == "ok":
                assert judgement.score == pytest.approx(row["y_pred"], abs=1e-6)
                assert judgement.verdict == row["verdict"]
            else:
                assert (judgement.score, judgement.verdict) == (None, None)
        assert in_memory[0].score == pytest.approx(in_memory[len(pictures)].score, abs=1e-6)


def test_without_operating_points_the_error_names_the_command(make_detector, folder):
    detector = make_detector(operating_points=None)
    with pytest.raises(DetectorError, match="kedro run --pipeline evaluation"):
        judge(detector, list_images(folder), min_size=1, **READING)
    with pytest.raises(DetectorError, match="kedro run --pipeline evaluation"):
        judge_bytes(detector, [b""], min_size=1)


def test_a_network_that_gives_no_number_is_an_error(make_detector, folder, manifest):
    weights = {
        name: torch.full_like(value, torch.nan) if value.is_floating_point() else value
        for name, value in make_detector().weights.items()
    }
    with pytest.raises(DetectorError, match="gives no number for 4 of 4 pictures"):
        score_manifest(make_detector(weights=weights), manifest, folder, **READING)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_file_name_that_is_no_text_is_judged(make_detector, make_picture, encode, tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(encode(make_picture()))
    (tmp_path / os.fsdecode(b"caf\xea.jpg")).symlink_to(tmp_path / "gone")
    predictions = judge(make_detector(), list_images(tmp_path), min_size=1, **READING)
    assert predictions["status"].tolist() == ["ok", "missing"]
    assert predictions["detail"][1].endswith(r"caf\xea.jpg")
    predictions.to_csv(tmp_path / "predictions.csv")  # what cannot be encoded would raise


def test_the_module_is_light_until_a_picture_is_scored():
    code = (
        "import sys, face_forgery.inference.scoring, face_forgery.modeling.detector_folder;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'kedro', 'mlflow')))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert (
        subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
    )
