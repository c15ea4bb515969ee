"""Temperature scaling finds the truth, repairs the scores and is measured on other images."""

import numpy as np
import pytest
from scipy.special import expit

from face_forgery.evaluation.calibration import (
    HIGHEST,
    apply_temperature,
    calibrate,
    fit_temperature,
    reliability,
)
from face_forgery.evaluation.metrics.bootstrap import Bootstrap


def draw(num_images, *, temperature, seed=0):
    """Margins that would be calibrated if divided by ``temperature``."""
    rng = np.random.default_rng(seed)
    true_margins = rng.normal(0, 2, num_images)
    targets = (rng.random(num_images) < expit(true_margins)).astype(np.int64)
    return true_margins * temperature, targets


def measure(margins, targets, in_calibration):
    how = Bootstrap(num_resamples=100, confidence=0.95, seed=0)
    return calibrate(margins, targets, np.arange(len(targets)), in_calibration, how)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_true_temperature_is_found(temperature):
    margins, targets = draw(20_000, temperature=temperature)
    assert fit_temperature(margins, targets) == pytest.approx(temperature, rel=0.05)


def test_classes_that_do_not_overlap_do_not_ask_for_certainty():
    margins, targets = np.array([-3.0, -2.0, 2.0, 3.0]), np.array([0, 0, 1, 1])
    scores = apply_temperature(margins, fit_temperature(margins, targets))
    assert 0.6 < scores.max() < 0.9  # about 3 / 4, what two images can show


def test_errors_fall_on_the_verification_split_which_does_not_move_the_temperature():
    margins, targets = draw(8_000, temperature=3.0)
    in_calibration = np.arange(8_000) < 4_000
    found = measure(margins, targets, in_calibration)
    assert found["is_verified"]
    assert (found["num_calibration"], found["num_verification"]) == (4_000, 4_000)
    assert found["after"]["ece"]["high"] < found["before"]["ece"]["low"]
    assert found["after"]["brier"]["value"] < found["before"]["brier"]["value"]
    spoilt = measure(margins, np.where(in_calibration, targets, 1 - targets), in_calibration)
    assert spoilt["temperature"] == found["temperature"]
    assert spoilt["after"]["ece"]["value"] > found["after"]["ece"]["value"]


def test_scores_that_know_nothing_are_drawn_to_one_half_and_it_is_said():
    margins = np.tile([-4.0, 4.0], 50)
    targets = np.repeat([0, 1], 50)
    found = measure(margins, targets, np.arange(100) % 4 < 2)
    assert found["temperature"] > 0.99 * HIGHEST
    assert any("do not tell the classes apart" in note for note in found["notes"])


def test_too_few_images_are_fitted_whole_and_it_is_said():
    found = measure(np.array([-1.0, 1.0]), np.array([0, 1]), np.array([True, False]))
    assert not found["is_verified"]
    assert found["num_calibration"] == found["num_verification"] == 2
    assert any("Too few validation images" in note for note in found["notes"])


def test_reliability_counts_bins_that_hold_images():
    rows = reliability(
        np.array([0.11, 0.13, 0.9]), np.array([0, 1, 1]), np.arange(3), confidence=0.95
    )
    assert [row["count"] for row in rows] == [2, 1]
    assert [row["proportion"] for row in rows] == [0.5, 1.0]
    assert rows[0]["score"] == pytest.approx(0.12)
    assert rows[0]["low"] < 0.5 < rows[0]["high"]
