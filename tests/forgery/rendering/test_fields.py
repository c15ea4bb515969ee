"""Pixel arithmetic."""

import numpy as np
import pytest

from face_forgery.forgery.rendering.fields import blur, coverage, stream, value_noise


def grid(size):
    steps = np.arange(size, dtype=np.float32) + 0.5
    return steps[None, :] - size / 2, steps[:, None] - size / 2


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.3, 2.0, 3.7])
def test_blur_keeps_a_flat_image_and_the_brightness_of_a_dot(radius):
    flat = np.full((3, 9, 11), 0.25, dtype=np.float32)
    dot = np.zeros((21, 21), dtype=np.float32)
    dot[10, 10] = 1.0
    assert np.allclose(blur(flat, radius), 0.25, atol=1e-6)
    assert blur(dot, radius).sum() == pytest.approx(1.0, abs=1e-5)


def test_coverage_measures_the_area_of_a_disc():
    x, y = grid(40)
    disc = coverage(12.0**2 - x * x - y * y)
    assert disc.sum() == pytest.approx(np.pi * 144, rel=0.01)
    assert set(np.unique(np.round(disc[20, 10:30], 3))) == {1.0}


def test_noise_shows_one_pattern_at_every_size():
    small = value_noise(stream(3), (40, 40), (5, 5))
    large = value_noise(stream(3), (120, 120), (5, 5))
    assert np.allclose(small, large[1::3, 1::3], atol=1e-5)
    assert np.abs(large).max() <= 1.0


def test_streams_of_different_keys_differ_and_of_equal_keys_do_not():
    assert stream(1, 2).random() == stream(1, 2).random()
    assert stream(1, 2).random() != stream(2, 1).random()
