"""Which frames of a video are taken."""

from itertools import accumulate

import numpy as np
import pytest

from face_forgery.data.videos.choosing import choose_times, deal_frames
from face_forgery.data.videos.frames import open_video


@pytest.fixture
def three_scenes(write_clip):
    """Ten frames a second: one second of one color, two of another, three of a third."""
    colors = [(200, 30, 30)] * 10 + [(30, 200, 30)] * 20 + [(30, 30, 200)] * 30
    noise = np.random.default_rng(0).integers(0, 20, (64, 96, 3))
    return write_clip("scenes.mp4", [(noise + color).astype(np.uint8) for color in colors])


@pytest.mark.parametrize(
    ("how", "number", "times"),
    [
        ("even", 3, [0.95, 2.95, 4.95]),
        ("first", 4, [0.0, 0.1, 0.2, 0.3]),
        ("first", 1000, [index / 10 for index in range(60)]),
        ("scenes", 3, [0.0, 1.0, 3.0]),
        ("scenes", 1, [3.0]),
        ("scenes", 6, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        ("scenes", 1000, [index / 10 for index in range(60)]),
    ],
)
def test_frames_are_spread_or_the_first_or_of_every_scene(three_scenes, how, number, times):
    with open_video(three_scenes, num_threads=1) as video:
        assert choose_times(video, how, number) == pytest.approx(times, abs=1e-6)


def test_every_scene_has_its_first_frame_and_no_frame_comes_twice():
    rng = np.random.default_rng(0)
    for _ in range(200):
        lengths = rng.integers(1, 30, rng.integers(1, 8)).tolist()
        *starts, end = accumulate(lengths, initial=0)
        number = int(rng.integers(1, 60))
        chosen = deal_frames(starts, end, number)
        assert len(chosen) == min(number, end)
        assert chosen == sorted(set(chosen))
        assert chosen[-1] < end
        if number >= len(starts):
            assert set(starts) <= set(chosen)
        else:
            taken = [
                length for start, length in zip(starts, lengths, strict=True) if start in chosen
            ]
            assert sorted(taken) == sorted(lengths)[-number:]
