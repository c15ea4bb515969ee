"""Faces as pictures."""

from dataclasses import replace

import numpy as np
import pytest

from face_forgery.forgery.rendering.drawn_face import light_direction
from face_forgery.forgery.rendering.face_parts import INNER_FACE, feature_boxes, region_mask
from face_forgery.forgery.rendering.render import render


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [64, 97])
def test_a_face_fills_the_range_and_holds_its_landmarks(make_face, seed, size):
    picture = render(make_face(seed), size)
    points = np.concatenate([picture.landmarks.contour, picture.landmarks.eyes_and_mouth])
    assert picture.image.shape == (3, size, size)
    assert picture.image.dtype == np.float32
    assert picture.image.min() >= 0.0
    assert picture.image.max() <= 1.0
    assert picture.image.std() > 0.05
    assert points.min() > 0
    assert points.max() < size


def test_the_same_face_is_drawn_the_same(make_face):
    assert np.array_equal(render(make_face(), 64).image, render(make_face(), 64).image)


def test_other_people_look_different(make_face):
    difference = np.abs(render(make_face(0), 64).image - render(make_face(1), 64).image)
    assert difference.mean() > 0.05


def test_a_face_keeps_its_proportions_at_another_size(make_face):
    small, large = render(make_face(), 64), render(make_face(), 256)
    reduced = large.image.reshape(3, 64, 4, 64, 4).mean(axis=(2, 4))
    assert np.allclose(large.landmarks.contour / 4, small.landmarks.contour)
    assert np.corrcoef(reduced.ravel(), small.image.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_side_towards_the_lamp_is_brighter(make_face, side):
    face = make_face()
    scene = replace(face.scene, light=light_direction(side * 1.1, 0.2))
    pose = replace(face.pose, yaw=0.0, roll=0.0)
    picture = render(replace(face, scene=scene, pose=pose), 96)
    cheeks = region_mask(picture.landmarks, picture.face, INNER_FACE, 1.0) > 0.5
    middle = int(picture.landmarks.nose[1, 0])
    left = picture.image[:, :, :middle][:, cheeks[:, :middle]].mean()
    right = picture.image[:, :, middle:][:, cheeks[:, middle:]].mean()
    assert (right - left) * side > 0.03


def test_eyes_are_where_the_landmarks_say(make_face):
    face = make_face()
    face = replace(face, look=replace(face.look, glasses=0.0))
    opened = replace(face.expression, eyes_open=1.0)
    closed = replace(face.expression, eyes_open=0.4)
    difference = np.abs(
        render(replace(face, expression=opened), 128).image
        - render(replace(face, expression=closed), 128).image
    ).sum(axis=0)
    picture = render(face, 128)
    boxes = feature_boxes(picture.landmarks, (128, 128))
    inside = np.zeros((128, 128), dtype=bool)
    for name in ("left_eye", "right_eye"):
        left, top, right, bottom = boxes[name]
        inside[top:bottom, left:right] = True
    assert difference[inside].sum() > 0.85 * difference.sum()


def test_an_open_mouth_changes_the_mouth(make_face):
    face = make_face()
    face = replace(face, look=replace(face.look, beard=0.0, mustache=0.0))
    shut = replace(face, expression=replace(face.expression, mouth_open=0.0))
    wide = replace(face, expression=replace(face.expression, mouth_open=0.6))
    difference = np.abs(render(wide, 128).image - render(shut, 128).image).sum(axis=0)
    left, top, right, bottom = feature_boxes(render(wide, 128).landmarks, (128, 128))["mouth"]
    assert difference[top:bottom, left:right].sum() > 0.8 * difference.sum()
