"""Five or 68 points become a face, or are refused."""

import numpy as np
import pytest

from face_forgery.forgery.making.landmarks import LandmarksError, complete, face_size, five_of

FRONT = np.array([[80.0, 90.0], [140.0, 92.0], [110.0, 125.0], [85.0, 155.0], [135.0, 156.0]])


def test_five_points_are_kept_by_the_face_that_completes_them():
    whole = complete(FRONT, (224, 224))
    assert whole.shape == (68, 2)
    np.testing.assert_allclose(five_of(whole), FRONT, atol=5.0)
    assert face_size(whole) == pytest.approx(30.0, rel=0.1)  # half the distance of the eyes


def test_68_points_stay_as_they_are(portraits):
    portrait = portraits[0]
    np.testing.assert_array_equal(
        complete(portrait.landmarks, portrait.pixels.shape), portrait.landmarks
    )


def test_a_completed_face_has_its_parts_in_place():
    whole = complete(FRONT, (224, 224))
    parts = [("brows", 17, 27), ("nose", 27, 36), ("eyes", 36, 48), ("mouth", 48, 68)]
    middles = {name: whole[a:b].mean(axis=0) for name, a, b in parts}
    assert middles["brows"][1] < middles["eyes"][1] < middles["nose"][1] < middles["mouth"][1]
    assert whole[8, 1] > middles["mouth"][1]
    assert whole[0, 0] < whole[36, 0] < whole[45, 0] < whole[16, 0]


def test_a_turned_and_enlarged_face_is_completed_alike():
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    moved = FRONT @ turn.T + (500.0, 10.0)
    np.testing.assert_allclose(
        complete(moved, (600, 600)), complete(FRONT, (224, 224)) @ turn.T + (500.0, 10.0), atol=1e-6
    )


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((7, 2)), r"shape \(5, 2\) or \(68, 2\), got \(7, 2\)"),
        (np.zeros((5, 3)), r"got \(5, 3\)"),
        (np.where(np.arange(5)[:, None] == 2, np.nan, FRONT), "1 of 5 landmarks are not finite"),
        (np.full((5, 2), 50.0), "0.0 pixels apart; a face needs 6"),
        (FRONT[[1, 0, 2, 4, 3]], "not a face: seen from above the mouth"),
        (FRONT + 500.0, "5 of the 5 points .* outside of the image of 224 x 224"),
    ],
)
def test_points_that_are_no_face_are_refused_with_the_reason(points, message):
    with pytest.raises(LandmarksError, match=message):
        complete(points, (224, 224))


def test_a_face_that_reaches_out_of_its_image_is_taken():
    assert np.isfinite(complete(FRONT, (150, 224))).all()
