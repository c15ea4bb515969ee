"""Faces as images, with their landmarks."""

import numpy as np
import pytest

from face_forgery.forgery.making.landmarks import complete, five_of
from face_forgery.forgery.rendering.face_parameters import Face, light_direction
from face_forgery.forgery.rendering.portraits import draw_portraits, render


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [64, 97])
def test_a_face_fills_the_range_and_its_landmarks_are_a_face(make_face, seed, size):
    drawn = render(make_face(seed), size)
    assert drawn.image.shape == (3, size, size)
    assert drawn.image.dtype == np.float32
    assert drawn.image.min() >= 0.0
    assert drawn.image.max() <= 1.0
    assert drawn.image.std() > 0.05
    assert complete(drawn.landmarks, (size, size)) is drawn.landmarks
    assert drawn.landmarks.min() > 0
    assert drawn.landmarks.max() < size


def test_the_same_face_is_drawn_the_same_and_another_person_differently(make_face):
    first, other = render(make_face(0), 64).image, render(make_face(1), 64).image
    assert np.array_equal(first, render(make_face(0), 64).image)
    assert np.abs(first - other).mean() > 0.05


def test_a_face_keeps_its_proportions_at_another_size(make_face):
    small, large = render(make_face(), 64), render(make_face(), 256)
    reduced = large.image.reshape(3, 64, 4, 64, 4).mean(axis=(2, 4))
    assert np.allclose((large.landmarks + 0.5) / 4, small.landmarks + 0.5)
    assert np.corrcoef(reduced.ravel(), small.image.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_side_towards_the_lamp_is_brighter(make_face, side):
    face = make_face()
    lit = {"light": light_direction(side * 1.1, 0.2), "yaw": 0.0, "roll": 0.0}
    drawn = render(Face(**vars(face) | lit), 96)
    nose = drawn.landmarks[27:31]
    middle, rows = int(nose[0, 0]), slice(int(nose[0, 1]), int(nose[-1, 1]))
    left = drawn.image[:, rows, middle - 20 : middle].mean()
    right = drawn.image[:, rows, middle : middle + 20].mean()
    assert (right - left) * side > 0.03


@pytest.mark.parametrize(
    ("points", "change"),
    [
        (slice(36, 48), {"eyes_open": (0.4, 1.0)}),
        (slice(48, 68), {"mouth_open": (0.0, 0.6)}),
        (slice(17, 27), {"brow_raise": (-0.4, 0.4)}),
    ],
    ids=["eyes", "mouth", "brows"],
)
def test_a_part_of_the_face_is_where_its_landmarks_are(make_face, points, change):
    plain = {"beard": 0.0, "mustache": 0.0, "has_glasses": False, "has_fringe": False}
    ((name, values),) = change.items()
    before, after = (
        render(Face(**vars(make_face()) | plain | {name: value}), 128) for value in values
    )
    difference = np.abs(after.image - before.image).sum(axis=0)
    both = np.concatenate([before.landmarks[points], after.landmarks[points]])
    low, high = (
        np.floor(both.min(axis=0)).astype(int) - 5,
        np.ceil(both.max(axis=0)).astype(int) + 6,
    )
    inside = difference[low[1] : high[1], low[0] : high[0]]
    assert inside.sum() > 0.8 * difference.sum()


def test_portraits_are_close_ups_of_different_people():
    portraits = draw_portraits(3, seed=1)
    for one in portraits:
        height, width = one.pixels.shape[:2]
        assert one.pixels.dtype == np.uint8
        assert height == width
        eyes = five_of(one.landmarks)[:2]
        assert np.ptp(eyes[:, 0]) > 0.2 * width
    assert len({one.pixels.tobytes() for one in portraits}) == 3
