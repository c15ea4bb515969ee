"""Labelled sets that a detector was tested on, and what figures must be."""

from copy import deepcopy
from dataclasses import asdict
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from face_forgery.data.labels.testing_sets import count_images
from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.reporting.style import SMALLEST, WIDTH
from face_forgery.evaluation.testing import judge_sets

NUM_FRAMES = 8


@pytest.fixture(scope="session")
def assert_readable():
    """Return a function that checks a figure's width and the size of all text it shows."""

    def check(figure):
        assert figure.get_figwidth() <= WIDTH + 1e-9
        small = [
            text.get_text()
            for text in figure.findobj(Text)
            if text.get_text() and text.get_fontsize() < SMALLEST
        ]
        assert small == []

    return check


@pytest.fixture(scope="session")
def points(make_detector):
    """Operating points as plain values."""
    return asdict(make_detector().operating_points)


@pytest.fixture(scope="session")
def make_tested_set():
    """Return a builder of scores of videos of eight frames, real and forged in turn."""

    def make(name="celeb", *, num_videos=12, targets=(0, 1), seed=0, alarms=0.0):
        rng = np.random.default_rng(seed)
        of_video = np.resize(targets, num_videos)
        target = np.repeat(of_video, NUM_FRAMES)
        shared = np.repeat(rng.normal(size=num_videos), NUM_FRAMES)
        own = rng.normal(size=len(target)) / 2
        margins = 0.7 * (2 * target - 1) + 1.2 * shared + own + alarms * (target == 0)
        video = np.repeat([f"v{n}" for n in range(num_videos)], NUM_FRAMES)
        kinds = np.where(np.arange(num_videos) % 3 == 1, "lips", "swap")
        table = pd.DataFrame(
            {
                "set": name,
                "row": np.arange(len(target)),
                "img_name": [f"{n}.png" for n in range(len(target))],
                "target": target,
                "group": video,
                "video": video,
                "kind": np.where(target == 1, np.repeat(kinds, NUM_FRAMES), "real"),
                "source": "mine",
                "y_pred": 1 / (1 + np.exp(-margins)),
                "status": "ok",
                "width": 160,
                "height": 160,
                "format": "PNG",
                "jpeg_quality": pd.NA,
            }
        )
        names = ("set", "group", "video", "kind", "source", "status", "format")
        return table.astype(dict.fromkeys(names, "string"))

    return make


@pytest.fixture(scope="session")
def make_tested(make_tested_set, points, make_detector):
    """Return a builder of what the pipeline testing writes: three sets, one of real images."""

    @cache
    def judge():
        parts = (
            make_tested_set(num_videos=40),
            make_tested_set("only_real", targets=(0,), alarms=4.0, seed=1),
            make_tested_set("inverted", num_videos=40, seed=2),
        )
        table = pd.concat(parts, ignore_index=True)
        table["y_pred"] = table["y_pred"].mask(table["set"] == "inverted", 1 - table["y_pred"])
        bootstrap = Bootstrap(100, confidence=0.95, seed=0)
        rows, means = judge_sets(table, points, bootstrap)
        rejected = pd.DataFrame({"set": ["celeb"] * 2, "status": ["missing"] * 2})
        shared = [{"sets": ["celeb", "inverted"], "num_images": 3}]
        overlaps = {"is_checked": False, "by_set": {"inverted": 4}, "between_sets": shared}
        return {
            "detector": make_detector().identity(),
            "operating_points": points,
            "bootstrap": {"num_resamples": 100, "confidence": 0.95, "seed": 0},
            "sets": count_images(table, rejected, overlaps),
            "overlaps": overlaps,
            "rows": rows,
            "means": means,
        }

    return lambda: deepcopy(judge())
