"""Degraded images are scored as all images are, and each is decoded once."""

import numpy as np
import pytest
import torch
from PIL import Image

import face_forgery as ff
from face_forgery.data.degradation.operations import list_degradations
from face_forgery.data.images.decoding import ImageError
from face_forgery.inference import degraded_scoring
from face_forgery.inference.degraded_scoring import score_degraded
from face_forgery.inference.scoring import score_files

STATES = list_degradations(["compression", "blur_and_noise"])


@pytest.fixture
def paths(tmp_path, make_picture):
    files = [tmp_path / f"{n}.png" for n in range(5)]
    for n, file in enumerate(files):
        make_picture(n, height=60 + n, width=70).save(file)
    return files


def score(detector, paths, *, num_workers=0):
    return score_degraded(detector, paths, STATES, num_workers=num_workers)


@pytest.mark.slow
def test_the_others_are_what_it_says_of_a_file_of_the_degraded_image(
    make_detector, paths, tmp_path
):
    detector = make_detector()
    pixels = np.array(Image.open(paths[2]))
    clean = score_files(detector, paths, batch_size=5, num_workers=0).scores
    np.testing.assert_allclose(score(detector, paths)[:, 0], clean, atol=1e-6)
    for column in (1, 9, len(STATES) - 1):
        state = STATES[column]
        degraded = tmp_path / f"{column}.png"
        Image.fromarray(state.apply(pixels)).save(degraded)
        (judged,) = ff.Detector(detector, min_size=1).judge([degraded.read_bytes()])
        assert score(detector, paths)[2, 1 + column] == pytest.approx(judged.score, abs=1e-6)


def test_order_and_workers_change_nothing(make_detector, paths):
    detector = make_detector()
    forth = score(detector, paths)
    back = score(detector, paths[::-1], num_workers=2)
    np.testing.assert_allclose(forth, back[::-1], atol=1e-6)
    assert forth.std(axis=0).min() > 0


def test_passes_are_full_and_laid_out_as_networks_prefer_them(make_detector, paths, monkeypatch):
    seen, margins_of = [], degraded_scoring.margins_of

    def look(network, images):
        seen.append(len(images))
        assert images.is_contiguous(memory_format=torch.channels_last)
        return margins_of(network, images)

    monkeypatch.setattr(degraded_scoring, "margins_of", look)
    number = score(make_detector(), paths).size
    assert seen == [16] * (number // 16) + [number % 16]
    assert score(make_detector(), []).shape == (0, 1 + len(STATES))


def test_long_images_are_reduced_first(make_detector, tmp_path, make_picture, monkeypatch):
    monkeypatch.setattr(degraded_scoring, "MAX_SIDE", 100)
    long, short = tmp_path / "long.png", tmp_path / "short.png"
    image = make_picture(3, height=300, width=600)
    image.save(long)
    image.thumbnail((100, 100), 1)
    image.save(short)
    reduced, small = score(make_detector(), [long, short])
    np.testing.assert_allclose(reduced, small, atol=1e-6)


def test_an_image_that_cannot_be_read_is_named(make_detector, paths):
    paths[3].write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"3\.png: .*run ingestion again"):
        score(make_detector(), paths)
