"""Face crops: turned to the template of the field, or upright where landmarks say nothing."""

import numpy as np
import pytest

from face_forgery.data.images.crops import Square, aligned_of, cut_square, square_of
from face_forgery.data.images.faces import Face, FaceFinder
from face_forgery.params import FacesParams

# Where DeepfakeBench puts the five points in 256 pixels at the scale of 1.3.
EYES, NOSE = ([38.2946, 51.6963], [73.5318, 51.5014]), [56.0252, 71.7366]
MOUTH = ([41.5493, 92.3655], [70.7299, 92.2041])
FIELD = (np.array([*EYES, NOSE, *MOUTH]) / 112 + 0.15) * 256 / 1.3
BOX, SHAPE = (200.0, 180.0, 90.0, 120.0), (480, 640, 3)


def face_points(angle, scale, middle=(250.0, 240.0)):
    """Return landmarks of a head that is tilted by ``angle``, clockwise."""
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (FIELD - FIELD.mean(axis=0)) * scale @ turned.T + middle


@pytest.mark.parametrize(("angle", "scale"), [(0.0, 0.5), (0.4, 0.5), (-1.2, 0.8), (3.0, 0.3)])
def test_landmarks_lie_where_the_field_has_them_however_a_head_is_tilted(angle, scale):
    points = face_points(angle, scale)
    square = aligned_of(BOX, points.tolist(), 0.15, SHAPE)
    assert square.side == round(256 * scale)
    assert square.angle == pytest.approx(angle, abs=1e-6)
    assert square.locate(points) == pytest.approx(FIELD * scale, abs=0.8)  # whole pixels


def test_the_transform_is_that_of_least_squares():
    points = face_points(0.3, 0.5) + np.random.default_rng(0).normal(0, 4, (5, 2))
    square = aligned_of(BOX, points.tolist(), 0.15, SHAPE)
    x, y = points.T
    rows = [np.stack([x, -y, x**0, 0 * x], 1), np.stack([y, x, 0 * x, x**0], 1)]
    a, b, *shift = np.linalg.lstsq(np.concatenate(rows), FIELD.T.ravel(), rcond=None)[0]
    wanted = points @ [[a, b], [-b, a]] + shift
    assert square.side == round(256 / np.hypot(a, b))
    assert square.locate(points) * 256 / square.side == pytest.approx(wanted, abs=1.5)


def test_what_is_cut_is_upright_and_black_beyond_the_edges():
    points = face_points(0.5, 0.5, middle=(60.0, 240.0))
    pixels = np.full(SHAPE, 90, np.uint8)
    for x, y in points:
        pixels[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = 250
    square = aligned_of(BOX, points.tolist(), 0.3, SHAPE)
    crop = cut_square(pixels, square)
    assert crop.shape == (square.side, square.side, 3)
    for x, y in square.locate(points).round().astype(int):
        assert crop[y, x, 0] > 200
    assert crop[-1, 0, 0] == 0
    inside = Square(3, 5, 40)
    assert np.array_equal(cut_square(pixels, inside), pixels[5:45, 3:43])


@pytest.mark.parametrize(
    "points",
    [[(50.0, 50.0)] * 5, [(float("nan"), 1.0)] * 5, [(1e6 * i, -1e7 * i) for i in range(5)]],
)
def test_landmarks_of_no_face_are_not_followed(points):
    assert aligned_of(BOX, points, 0.15, SHAPE) == square_of(BOX, 0.15, SHAPE)


def test_the_way_to_cut_is_part_of_a_detector_but_for_what_all_older_ones_did():
    values = {"detector": None, "min_confidence": 0.7, "margin": 0.25, "min_size": 20}
    old = FacesParams(**values, max_blur=0.9)
    assert old.crop == "square"
    assert old.identify() == ('{"min_confidence":0.7,"margin":0.25,"min_size":20,"max_blur":0.9}')
    new = old.model_copy(update={"crop": "aligned"})
    assert '"crop":"aligned"' in new.identify()
    points = face_points(0.4, 0.5)
    face = Face(*BOX, 0.9, tuple(map(tuple, points.tolist())))
    assert FaceFinder(b"", old).square_of(face, SHAPE) == square_of(BOX, 0.25, SHAPE)
    turned = FaceFinder(b"", new).square_of(face, SHAPE)
    assert turned == aligned_of(BOX, face.landmarks, 0.25, SHAPE)
    assert turned.angle
