"""A share of images has an interval that is right for rare events and for groups."""

import numpy as np
import pytest
from scipy.stats import binomtest

from face_forgery.evaluation.metrics.proportions import measure_share


@pytest.mark.parametrize(("num_hits", "num_images"), [(0, 50), (3, 100), (50, 100), (7, 7)])
def test_independent_images_have_wilsons_interval(num_hits, num_images):
    hits = np.arange(num_images) < num_hits
    expected = binomtest(num_hits, num_images).proportion_ci(0.9, method="wilson")
    share = measure_share(hits, None, confidence=0.9)
    assert share.value == num_hits / num_images
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_groups_of_one_are_independent_images():
    hits = np.random.default_rng(0).random(400) < 0.3
    alone = measure_share(hits, None, confidence=0.95)
    grouped = measure_share(hits, np.arange(400), confidence=0.95)
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.01)


@pytest.mark.parametrize("share_of_hits", [0.0, 0.5])
def test_images_that_always_agree_count_once_a_group(share_of_hits):
    groups = np.repeat(np.arange(40), 10)
    hits = groups < 40 * share_of_hits
    grouped = measure_share(hits, groups, confidence=0.95)
    one_each = measure_share(hits[::10], None, confidence=0.95)
    width = one_each.high - one_each.low
    assert grouped.high - grouped.low == pytest.approx(width, rel=0.03)


def test_no_images_are_an_error():
    with pytest.raises(ValueError, match="no images"):
        measure_share(np.empty(0, dtype=bool), None, confidence=0.95)


def test_intervals_cover_a_rate_in_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(150), 4)
    covered = 0
    for _ in range(500):
        group_rates = rng.beta(0.5, 4.5, 150)  # mean 0.1, images of a group much alike
        hits = rng.random(600) < group_rates[groups]
        share = measure_share(hits, groups, confidence=0.95)
        covered += share.low <= 0.1 <= share.high
    assert 0.92 <= covered / 500 <= 0.98
