"""Thirty numbers about an image as a whole."""

import numpy as np
import pytest

from face_forgery.evaluation.audits.image_statistics import global_statistics


def noise(shape=(48, 64, 3), seed=0, low=60, high=200):
    return np.random.default_rng(seed).integers(low, high, shape, dtype=np.uint8)


def test_there_are_thirty_finite_numbers():
    numbers = global_statistics(noise(), 1234)
    assert len(numbers) == 30
    assert np.isfinite(list(numbers.values())).all()
    assert (numbers["width"], numbers["height"], numbers["num_bytes"]) == (64, 48, 1234)


def test_a_flat_image_has_numbers_too():
    numbers = global_statistics(np.full((16, 16, 3), 90, dtype=np.uint8), 10)
    assert np.isfinite(list(numbers.values())).all()
    assert numbers["mean_r"] == numbers["percentile_50"] == pytest.approx(90)
    assert numbers["std_g"] == numbers["entropy"] == numbers["laplacian_variance"] == 0


def test_brightness_moves_levels_and_not_sharpness():
    dark, bright = noise(), noise() + 40
    before, after = global_statistics(dark, 1), global_statistics(bright, 1)
    assert after["mean_b"] - before["mean_b"] == pytest.approx(40)
    for name in ("laplacian_variance", "gradient_energy", "noise", "high_frequencies", "std_r"):
        assert after[name] == pytest.approx(before[name])


def test_smoothing_lowers_every_measure_of_sharpness():
    sharp = noise((64, 64, 3))
    smooth = (sharp[:-1, :-1].astype(int) + sharp[1:, :-1] + sharp[:-1, 1:] + sharp[1:, 1:]) // 4
    before, after = global_statistics(sharp, 1), global_statistics(smooth.astype(np.uint8), 1)
    for name in ("laplacian_variance", "gradient_energy", "noise", "high_frequencies"):
        assert after[name] < 0.7 * before[name]


def test_saturation_and_colorfulness_are_zero_for_gray_and_not_for_color():
    gray = noise()[:, :, :1].repeat(3, axis=2)
    assert global_statistics(gray, 1)["saturation"] == 0
    assert global_statistics(gray, 1)["colorfulness"] == pytest.approx(0)
    assert global_statistics(noise(), 1)["saturation"] > 0.1
    assert global_statistics(noise(), 1)["colorfulness"] > 10


def test_blocks_show():
    blocks = noise((8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    assert global_statistics(blocks, 1)["blockiness"] > 100
    assert global_statistics(noise(), 1)["blockiness"] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((2, 8, 3), np.uint8),
        np.zeros((8, 8, 3), np.float32),
    ],
)
def test_anything_but_an_rgb_image_is_refused(image):
    with pytest.raises(ValueError, match="expected an RGB image"):
        global_statistics(image, 1)
