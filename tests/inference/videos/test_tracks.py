"""Faces of successive frames become persons."""

import pytest

from face_forgery.data.images.faces import Face
from face_forgery.data.videos.tracks import Tracker, match_faces


def face(left, top=0.0, side=40.0):
    return Face(left, top, side, side, 0.9, ())


def test_persons_keep_their_numbers_when_their_order_changes():
    tracker = Tracker(max_gap=4.0)
    assert tracker.follow([face(0), face(100)], 0.0) == [1, 2]
    assert tracker.follow([face(110), face(8)], 0.5) == [2, 1]
    assert tracker.follow([face(16)], 1.0) == [1]
    assert tracker.follow([face(24), face(112)], 1.5) == [1, 2]


def test_the_nearest_pair_is_matched_first_and_nobody_twice():
    assert match_faces([face(0), face(25)], [face(20)]) == [1]
    assert match_faces([face(0)], [face(25), face(5)]) == [None, 0]


@pytest.mark.parametrize(
    ("other", "is_same"),
    [(face(29), True), (face(31), False), (face(-15, -15, 70), True), (face(-25, -25, 90), False)],
)
def test_far_and_unlike_boxes_are_not_one_person(other, is_same):
    assert match_faces([face(0)], [other]) == [0 if is_same else None]


def test_who_was_away_too_long_is_somebody_new():
    tracker = Tracker(max_gap=4.0)
    assert tracker.follow([face(0)], 0.0) == [1]
    assert tracker.follow([], 2.0) == []
    assert tracker.follow([face(0)], 4.0) == [1]
    assert tracker.follow([face(0)], 8.1) == [2]
