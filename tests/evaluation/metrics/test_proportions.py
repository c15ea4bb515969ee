"""A proportion of images has an interval that is right for rare events and for groups."""

import numpy as np
import pytest
from scipy.stats import binomtest

from face_forgery.evaluation.metrics.proportions import measure_proportion


@pytest.mark.parametrize(("num_hits", "num_images"), [(0, 50), (3, 100), (50, 100), (7, 7)])
def test_independent_images_have_wilsons_interval(num_hits, num_images):
    hits = np.arange(num_images) < num_hits
    expected = binomtest(num_hits, num_images).proportion_ci(0.9, method="wilson")
    found = measure_proportion(hits, np.arange(num_images), confidence=0.9)
    wanted = {"value": num_hits / num_images, "low": expected.low, "high": expected.high}
    assert found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("proportion", [0.0, 0.5])
def test_images_that_always_agree_count_once_a_group(proportion):
    groups = np.repeat(np.arange(40), 10)
    hits = groups < 40 * proportion
    grouped = measure_proportion(hits, groups, confidence=0.95)
    one_each = measure_proportion(hits[::10], np.arange(40), confidence=0.95)
    width = one_each["high"] - one_each["low"]
    assert grouped["high"] - grouped["low"] == pytest.approx(width, rel=0.03)


def test_no_images_are_an_error():
    with pytest.raises(ValueError, match="no images"):
        measure_proportion(np.empty(0, dtype=bool), np.empty(0), confidence=0.95)


def test_intervals_cover_a_rate_in_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(150), 4)
    covered = 0
    for _ in range(500):
        group_rates = rng.beta(0.5, 4.5, 150)  # mean 0.1, images of a group much alike
        hits = rng.random(600) < group_rates[groups]
        found = measure_proportion(hits, groups, confidence=0.95)
        covered += found["low"] <= 0.1 <= found["high"]
    assert 0.92 <= covered / 500 <= 0.98
