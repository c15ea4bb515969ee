"""What an image looks like is told apart from what it shows."""

import cv2
import numpy as np
import pytest

from face_forgery.data.images.appearance import describe_appearance
from face_forgery.modeling.familiarity import NUM_FEATURES


def draw(seed, side=64):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.add(smooth, rng.integers(0, 4, smooth.shape, dtype=np.uint8))


def test_the_numbers_are_those_of_the_definition():
    image = draw(0)
    level = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(float)
    found = describe_appearance(image)
    assert found.shape == (NUM_FEATURES,)
    np.testing.assert_allclose(found[:3], level.mean(axis=(0, 1)) / 255, rtol=1e-5)
    np.testing.assert_allclose(found[3:6], level.std(axis=(0, 1)) / 255, rtol=1e-5)
    across = np.abs(np.diff(level, axis=1))
    mean, deviation = across.mean(axis=(0, 1)) + 0.02, across.std(axis=(0, 1))
    np.testing.assert_allclose(found[6:9], np.log(mean), rtol=1e-5)
    np.testing.assert_allclose(found[9:12], 0.5 * np.log1p((deviation / mean) ** 2), rtol=1e-4)
    second = np.abs(np.diff(np.diff(level, axis=1), axis=0))
    mean, deviation = second.mean(axis=(0, 1)) + 0.02, second.std(axis=(0, 1))
    np.testing.assert_allclose(found[18:21], np.log(mean), rtol=1e-5)
    np.testing.assert_allclose(found[21:24], 0.5 * np.log1p((deviation / mean) ** 2), rtol=1e-4)


@pytest.mark.parametrize("image", [np.zeros((32, 32, 3), np.uint8), draw(1, side=32)])
def test_every_image_of_a_network_has_finite_numbers(image):
    assert np.isfinite(describe_appearance(image)).all()


def test_noise_moves_an_image_farther_than_other_content_does():
    others = np.array([describe_appearance(draw(seed)) for seed in range(1, 9)])
    image = draw(0)
    noisy = cv2.add(image, np.random.default_rng(0).integers(0, 24, image.shape, dtype=np.uint8))
    spread = others.std(axis=0) + 1e-3
    distances = [
        np.abs((describe_appearance(one) - others.mean(axis=0)) / spread).mean()
        for one in (image, noisy)
    ]
    assert distances[1] > 3 * distances[0]
