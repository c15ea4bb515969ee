"""Builders of drawn faces."""

import io

import numpy as np
import pytest
from PIL import Image

from face_forgery.forgery.rendering.demo_set import draw_row, plan_row
from face_forgery.forgery.rendering.drawn_face import sample_face
from face_forgery.forgery.rendering.fields import stream


@pytest.fixture
def make_face():
    """Draw the parameters of a face; another seed gives another person."""

    def make(seed=0):
        return sample_face(stream(99, seed))

    return make


@pytest.fixture(scope="session")
def make_rows():
    """Draw rows of a set: ``[(plan, pixels (H, W, 3), number of bytes)]``."""

    def make(rows, *, seed, size, subset="train"):
        drawn = [draw_row(plan_row(seed, subset, row), size) for row in rows]
        return [
            (one.plan, np.asarray(Image.open(io.BytesIO(one.jpeg))), len(one.jpeg)) for one in drawn
        ]

    return make
