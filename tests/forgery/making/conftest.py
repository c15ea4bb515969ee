"""Drawn faces in place of photographs."""

import numpy as np
import pytest

from face_forgery.forgery.making.landmarks import five_of


@pytest.fixture(scope="session")
def resized():
    """Bring a portrait to another size: ``(pixels, 68 or 5 points)``."""

    def make(portrait, height, width, num_points=68):
        import cv2

        old_height, old_width = portrait.pixels.shape[:2]
        pixels = cv2.resize(portrait.pixels, (width, height), interpolation=cv2.INTER_AREA)
        scale = np.array([width / old_width, height / old_height])
        points = (portrait.landmarks + 0.5) * scale - 0.5
        return pixels, points if num_points == 68 else five_of(points)

    return make
