"""Scores become verdicts at the thresholds, and only a certified detector has thresholds."""

from dataclasses import replace

import numpy as np
import pytest

from face_forgery.inference.verdicts import decide, operating_points_of
from face_forgery.modeling.detector import DetectorError


def test_thresholds_belong_to_fake_and_to_unsure(make_detector):
    points = make_detector().operating_points
    below = np.nextafter([points.real_threshold, points.fake_threshold], 0)
    at = np.array([points.real_threshold, points.fake_threshold])
    assert decide(below, points).tolist() == ["real", "unsure"]
    assert decide(at, points).tolist() == ["unsure", "fake"]
    assert decide(np.array([0.0, 1.0]), points).tolist() == ["real", "fake"]


def test_equal_thresholds_leave_nothing_unsure(make_detector):
    points = replace(make_detector().operating_points, real_threshold=0.5, fake_threshold=0.5)
    verdicts = decide(np.linspace(0, 1, 101), points)
    assert verdicts.tolist() == ["real"] * 50 + ["fake"] * 51


def test_no_scores_have_no_verdicts(make_detector):
    assert decide(np.empty(0), make_detector().operating_points).shape == (0,)


def test_a_score_that_is_no_number_has_no_verdict(make_detector):
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        decide(np.array([0.5, np.nan]), make_detector().operating_points)


def test_a_detector_without_operating_points_names_the_command(make_detector):
    with pytest.raises(DetectorError, match="kedro run --pipeline evaluation"):
        operating_points_of(make_detector(operating_points=None))
