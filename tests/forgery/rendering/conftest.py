"""Builders of drawn faces."""

import io

import numpy as np
import pytest
from PIL import Image

from face_forgery.forgery.rendering.demo_set import draw_row, plan_row
from face_forgery.forgery.rendering.face_parameters import sample_face
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
        plans = [plan_row(seed, subset, row) for row in rows]
        jpegs = [draw_row(plan, size).jpeg for plan in plans]
        return [
            (plan, np.asarray(Image.open(io.BytesIO(jpeg))), len(jpeg))
            for plan, jpeg in zip(plans, jpegs, strict=True)
        ]

    return make
