"""An image unlike all that a detector was trained on keeps its score and gets no verdict."""

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import face_forgery as ff
from face_forgery.data.images.listing import list_images
from face_forgery.inference.explanation.neighbors import SeenImages
from face_forgery.inference.job import run_job
from face_forgery.inference.scoring import stream_scores

HOW = {"batch_size": 8, "num_workers": 0}


def draw(path, seed, *, noise):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (6, 6, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)
    noisy = cv2.add(smooth, rng.integers(0, noise, smooth.shape, dtype=np.uint8))
    Image.fromarray(noisy).save(path)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for number in range(240):
        draw(folder / f"{number}.png", number, noise=3)
    for number in range(10):
        draw(folder / f"new{number}.png", 300 + number, noise=3)
        draw(folder / f"noisy{number}.png", 600 + number, noise=40)
    return folder


@pytest.fixture(scope="module")
def learnt_from(root, make_detector):
    """Return the detector, and the training images that were looked at."""
    rows = pd.DataFrame({"path": [f"{number}.png" for number in range(240)], "target": 0})
    plain = make_detector(temperature=8.0)
    learnt = ff.learn_familiarity(
        plain,
        rows[:120],
        rows[120:],
        root,
        in_calibration=np.arange(120) < 100,
        rate=0.01,
        seed=0,
        **HOW,
    )
    assert learnt.familiarity.promised == pytest.approx(1 / 101)
    assert learnt.familiarity.num_measured == 20
    known = replace(plain, familiarity=learnt.familiarity, appearance=learnt.appearance)
    return known, learnt.seen


@pytest.fixture(scope="module")
def detector(learnt_from):
    return learnt_from[0]


@pytest.fixture(scope="module")
def seen(learnt_from):
    return learnt_from[1]


@pytest.fixture(scope="module")
def judged(detector, root):
    images = list_images(str(root))
    (part,) = run_job(detector, images, None, score=stream_scores, min_size=1, part_size=999, **HOW)
    return part.rows.set_index("img_name")


def test_new_images_of_the_same_kind_are_familiar_and_others_are_not(judged):
    status = judged["status"]
    assert (status[[f"new{n}.png" for n in range(10)]] == "ok").sum() >= 9
    assert (status[[f"noisy{n}.png" for n in range(10)]] == "unfamiliar").all()


def test_an_unfamiliar_image_has_a_score_a_reason_and_no_verdict(judged, detector, root):
    row = judged.loc["noisy0.png"]
    assert 0 <= row["y_pred"] <= 1
    assert pd.isna(row["verdict"])
    assert "has never seen pictures like this one" in row["detail"]
    assert ff.count_verdicts(judged.reset_index(), unit="images").endswith("unfamiliar")
    one = ff.Detector(detector).judge(root / "noisy0.png")
    assert (one.status, one.verdict, one.score) == (
        row["status"],
        None,
        pytest.approx(row["y_pred"]),
    )
    assert one.to_dict()["verdict"] == ""
    assert one.explain(has_views=False).verdict == "unfamiliar"


def test_no_score_depends_on_it_and_it_can_be_left_out(judged, detector, root):
    plain = replace(detector, familiarity=None, appearance=None)
    without = ff.Detector(plain).judge([root / "noisy0.png", root / "new0.png"])
    assert {one.status for one in without} == {"ok"}
    expected = judged.loc[["noisy0.png", "new0.png"], "y_pred"]
    np.testing.assert_allclose([one.score for one in without], expected, atol=1e-6)


def test_the_nearest_training_images_are_shown_where_they_are_at_hand(root, detector, seen):
    images = list_images(str(root / "0.png"))
    table = seen.assign(data_fingerprint=detector.data_fingerprint)
    at_hand = SeenImages.of(detector, table, str(root))
    (explained,) = ff.explain_images(detector, images, min_size=1, seen=at_hand)
    assert len(explained.nearest) == 4
    assert explained.nearest[0].path == "0.png"  # itself
    assert {one.label for one in explained.nearest[1:]} <= {"real", "forged"}
    ((_, page),) = ff.write_pages([explained], detector.operating_points, "Learnt.")
    assert 'alt="0.png"' in page.html
    moved = at_hand._replace(root=root / "gone")
    (explained,) = ff.explain_images(detector, images, min_size=1, seen=moved)
    ((_, page),) = ff.write_pages([explained], detector.operating_points, "Learnt.")
    assert "look most like it" not in page.html
    assert SeenImages.of(replace(detector, data_fingerprint="0"), table, str(root)) is None
    assert SeenImages.of(detector, None, str(root)) is None


def test_what_training_changed_images_by_is_familiar(root, detector, seen):
    rows = pd.DataFrame({"path": [f"{number}.png" for number in range(240)]})
    noise = {"noise": 1.0, "noise_sigma": [8.0, 16.0]}
    augmentation = ff_augmentation() | noise
    trained = replace(detector, training={"augmentation": augmentation})
    learnt = ff.learn_familiarity(
        trained, rows[:120], rows[120:], root,
        in_calibration=np.arange(120) < 100, rate=0.01, seed=0, **HOW,
    )  # fmt: skip
    plain, kept = (np.stack(one["appearance"].tolist()) for one in (seen, learnt.seen))
    np.testing.assert_array_equal(plain, kept)  # of the images as they are
    noisy = replace(trained, familiarity=learnt.familiarity, appearance=learnt.appearance)
    paths = [root / f"noisy{n}.png" for n in range(10)]
    how = {"min_size": 1, "description": "judging", **HOW}
    before, now = (
        np.concatenate([part.unlikeness for part in stream_scores(one, paths, **how)]).mean()
        for one in (detector, noisy)
    )
    assert now < 0.7 * before


def ff_augmentation():
    return {
        "forgeries": {"proportion": 0.0, "kinds": {"face_swap": 1.0}, "strength": 1.0},
        **dict.fromkeys(("horizontal_flip", "vertical_flip", "color_jitter"), 0.0),
        **dict.fromkeys(("degradation", "jpeg", "blur"), 0.0),
        "crop_scale": 1.0,
        **dict.fromkeys(("rotation", "shift", "zoom"), 0.0),
        "jpeg_quality": [50, 95],
        "blur_sigma": [0.1, 1.0],
    }
