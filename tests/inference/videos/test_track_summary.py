"""Frames become one number: what a window is worth, and where the stretch lies."""

import numpy as np
import pytest

from face_forgery.inference.videos.track_summary import cut_windows, find_stretch, rate_windows

CUT = {"window_seconds": 4.0, "min_frames": 3}


def slow_windows(seconds, scores, *, window_seconds, min_frames):
    """All sets of frames within so many seconds, less those within another; as sorted lists."""
    sets = []
    for first in seconds:
        inside = [k for k, t in enumerate(seconds) if first <= t <= first + window_seconds + 1e-6]
        if len(inside) >= min_frames and not any(set(inside) < set(other) for other in sets):
            sets.append(inside)
    values = []
    for inside in sets:
        ordered = sorted((scores[k] for k in inside), reverse=True)
        values.append(next(x for x in ordered if 2 * sum(y >= x for y in ordered) > len(ordered)))
    return sets, values


@pytest.mark.parametrize("seed", range(20))
def test_windows_agree_with_a_slow_reference(seed):
    rng = np.random.default_rng(seed)
    seconds = np.cumsum(rng.choice([0.5, 0.5, 0.7, 5.0], size=40))
    scores = rng.random(40).round(1)
    spans = cut_windows(seconds, **CUT)
    sets, values = slow_windows(seconds, scores, **CUT)
    assert [list(range(a, b)) for a, b in zip(*spans, strict=True)] == sets
    assert rate_windows(scores, spans).tolist() == values


def test_one_bad_frame_decides_nothing():
    seconds, scores = np.arange(20) / 2, np.full(20, 0.1)
    scores[7] = 1.0
    assert find_stretch(seconds, scores, cut_windows(seconds, **CUT)).score == 0.1


def test_a_forged_stretch_is_found_with_its_ends_and_does_not_drown():
    seconds, scores = np.arange(200) / 2, np.full(200, 0.1)
    scores[60:75] = 0.9
    found = find_stretch(seconds, scores, cut_windows(seconds, **CUT), levels=(0.3, 0.6))
    assert (found.score, found.start, found.end) == (0.9, 30.0, 37.0)
    assert scores.mean() < 0.3


def test_a_stretch_does_not_lead_across_a_gap():
    seconds = np.r_[np.arange(9) / 2, 100 + np.arange(9) / 2]
    scores = np.r_[np.full(9, 0.8), np.full(9, 0.9)]
    found = find_stretch(seconds, scores, cut_windows(seconds, **CUT), levels=(0.3, 0.6))
    assert (found.start, found.end) == (100.0, 104.0)


def test_what_reaches_no_level_has_the_best_window_as_its_stretch():
    seconds, scores = np.arange(40) / 2, np.full(40, 0.1)
    scores[20:29] = 0.2
    found = find_stretch(seconds, scores, cut_windows(seconds, **CUT), levels=(0.3, 0.6))
    assert (found.start, found.end) == (8.0, 12.0)


def test_too_few_frames_have_no_stretch():
    seconds = np.array([0.0, 0.5, 9.0, 9.5])
    assert find_stretch(seconds, np.ones(4), cut_windows(seconds, **CUT)) is None
