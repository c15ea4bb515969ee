"""The frames that are shown: the most suspicious ones, apart from each other."""

import numpy as np

from face_forgery.inference.videos.scenes import Scene, Scenes


def test_the_stretch_is_shown_though_other_frames_are_more_suspicious():
    scenes = Scenes(240.0)
    for second in range(240):
        score = 0.5 if 100 <= second <= 104 else 0.9 if second % 2 else 0.1
        scenes.offer(Scene(float(second), score, 1, np.zeros((2, 2, 3), np.uint8), None))
    seconds = [scene.seconds for scene in scenes.choose(100.0, 104.0)]
    assert len(seconds) == 6
    assert any(100 <= second <= 104 for second in seconds)
    assert np.diff(seconds).min() >= 10
