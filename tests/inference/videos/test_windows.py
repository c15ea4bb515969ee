"""Frames become one number: what a window is worth, and where the stretch lies."""

import numpy as np
import pytest

from face_forgery.inference.videos.windows import (
    FrameScore,
    find_windows,
    rate_windows,
    sum_up_persons,
)


def slow_windows(seconds, scores):
    """All sets of frames within so many seconds, less those within another; as sorted lists."""
    sets = []
    for first in seconds:
        inside = [k for k, t in enumerate(seconds) if first <= t <= first + 4.0 + 1e-6]
        if len(inside) >= 3 and not any(set(inside) < set(other) for other in sets):
            sets.append(inside)
    values = []
    for inside in sets:
        ordered = sorted((scores[k] for k in inside), reverse=True)
        values.append(next(x for x in ordered if 2 * sum(y >= x for y in ordered) > len(ordered)))
    return sets, values


@pytest.mark.parametrize("seed", range(5))
def test_windows_agree_with_a_slow_reference(seed):
    rng = np.random.default_rng(seed)
    seconds = np.cumsum(rng.choice([0.5, 0.5, 0.7, 5.0], size=40))
    scores = rng.random(40).round(1)
    starts, ends = find_windows(seconds, window_seconds=4.0)
    sets, values = slow_windows(seconds, scores)
    assert [list(range(a, b)) for a, b in zip(starts, ends, strict=True)] == sets
    assert rate_windows(scores, starts, ends).tolist() == values


def sum_up(seconds, scores, points):
    frames = [FrameScore(float(t), 1, None, float(s)) for t, s in zip(seconds, scores, strict=True)]
    return sum_up_persons(frames, points, window_seconds=4.0)[1]


def test_one_bad_frame_decides_nothing(make_detector):
    seconds, scores = np.arange(20) / 2, np.full(20, 0.1)
    scores[7] = 1.0
    assert sum_up(seconds, scores, make_detector().operating_points).score == 0.1


def plateau(start, end, level):
    scores = np.full(200, 0.1)
    scores[start:end] = level
    return np.arange(200) / 2, scores


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (plateau(60, 75, 0.9), (0.9, "fake", 30.0, 37.0)),
        # What reaches no level has the best window as its stretch.
        (plateau(20, 29, 0.2), (0.2, "real", 8.0, 12.0)),
        # A stretch does not lead across a gap.
        (
            (np.r_[np.arange(9) / 2, 100 + np.arange(9) / 2], np.r_[[0.8] * 9, [0.9] * 9]),
            (0.9, "fake", 100.0, 104.0),
        ),
    ],
)
def test_a_stretch_is_found_with_its_ends_and_does_not_drown(make_detector, case, expected):
    found = sum_up(*case, make_detector().operating_points)
    assert (found.score, found.verdict, found.start, found.end) == expected


def test_too_few_frames_are_no_window(make_detector):
    assert sum_up([0.0, 0.5, 9.0, 9.5], [1.0] * 4, make_detector().operating_points) is None
