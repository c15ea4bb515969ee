"""Forgeries of photographs: what they keep, what they change, and what they follow from."""

import cv2
import numpy as np
import pytest

from face_forgery.forgery.making.colors import match_colors
from face_forgery.forgery.making.forger import Forger, Partners, image_rng
from face_forgery.forgery.making.kinds import FORGING_KINDS
from face_forgery.forgery.making.landmarks import (
    MIRRORED,
    affine_between,
    apply_affine,
    borrow_expression,
    complete,
    draw_expression,
    face_size,
    five_of,
)
from face_forgery.forgery.making.masks import REGIONS, Window, draw_mask
from face_forgery.forgery.making.traces import draw_traces
from face_forgery.forgery.making.warping import warp_affine, warp_to, warp_within

EQUAL = Forger(dict.fromkeys(FORGING_KINDS, 1.0), 1.0)
SHOWING_THROUGH = {"self_blend", "morph"}  # a quarter of the donor is the least that is seen


def only(kind, strength=1.0):
    return Forger({kind: 1.0}, strength)


@pytest.mark.parametrize("kind", FORGING_KINDS)
def test_no_pixel_outside_of_the_mask_changes_and_inside_many_do(portraits, kind):
    own, partner = portraits[:2]
    for index in range(25):
        forgery = only(kind).forge(*own, partner, image_rng(0, 1, index))
        outside = forgery.mask == 0.0
        np.testing.assert_array_equal(forgery.pixels[outside], own.pixels[outside])
        replaced = forgery.mask > (0.2 if kind in SHOWING_THROUGH else 0.5)
        assert replaced.sum() > 20
        change = np.abs(forgery.pixels.astype(int) - own.pixels)[replaced].mean()
        assert change > 0.5
        assert forgery.kind == kind


@pytest.mark.parametrize("num_points", [5, 68])
@pytest.mark.parametrize("shape", [(64, 64), (224, 160), (160, 224), (1024, 1024)])
def test_every_kind_takes_five_and_68_points_at_any_size(portraits, resized, shape, num_points):
    own = resized(portraits[0], *shape, num_points)
    partner = resized(portraits[1], 120, 140, num_points)
    for kind in FORGING_KINDS:
        forgery = only(kind).forge(*own, partner, image_rng(1, 1, 0))
        assert forgery.pixels.shape == (*shape, 3)
        assert forgery.pixels.dtype == np.uint8
        assert forgery.mask.shape == shape
        assert forgery.mask.dtype == np.float32
        if kind in SHOWING_THROUGH:
            assert 0.2 < forgery.mask.max() <= 1.0
            assert forgery.mask.min() >= 0.0  # of the whole image: everywhere more than 0
        else:
            assert 0.4 < forgery.mask.max() <= 1.0
            assert 0.0 <= forgery.mask.min() < 0.01


def test_the_same_seed_epoch_and_index_give_the_same_forgery_and_others_another(portraits):
    own, partner = portraits[:2]

    def forge(*numbers):
        return EQUAL.forge(own.pixels, own.landmarks, partner, image_rng(*numbers)).pixels

    np.testing.assert_array_equal(forge(0, 1, 2), forge(0, 1, 2))
    for others in ((0, 1, 3), (0, 2, 2), (1, 1, 2)):
        assert (forge(0, 1, 2) != forge(*others)).any()


def test_the_result_does_not_depend_on_the_number_of_threads(portraits):
    own, partner = portraits[:2]
    before = cv2.getNumThreads()
    made = []
    for threads in (1, 4):
        cv2.setNumThreads(threads)
        rngs = [image_rng(7, 1, index) for index in range(10)]
        made.append([EQUAL.forge(*own, partner, rng).pixels for rng in rngs])
    cv2.setNumThreads(before)
    np.testing.assert_array_equal(*made)


def test_the_original_and_the_partner_stay_as_they_are(portraits):
    own, partner = portraits[:2]
    copies = own.pixels.copy(), own.landmarks.copy(), partner.pixels.copy()
    for index in range(10):
        EQUAL.forge(own.pixels, own.landmarks, partner, image_rng(2, 1, index))
    np.testing.assert_array_equal(own.pixels, copies[0])
    np.testing.assert_array_equal(own.landmarks, copies[1])
    np.testing.assert_array_equal(partner.pixels, copies[2])


@pytest.mark.parametrize("level", [0, 12, 128, 255])
def test_images_of_one_level_and_gray_ones_are_forged_without_a_fault(portraits, level):
    own, partner = portraits[:2]
    flat = np.full_like(own.pixels, level)
    gray = np.repeat(own.pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    with np.errstate(all="raise", under="ignore"):
        for pixels in (flat, gray):
            for index in range(10):
                other = (pixels, own.landmarks)
                EQUAL.forge(*other, partner, image_rng(3, 1, index))
                EQUAL.forge(*own, other, image_rng(3, 2, index))


@pytest.mark.parametrize("kind", FORGING_KINDS)
def test_faces_that_reach_out_of_their_images_are_forged(portraits, kind):
    own, partner = portraits[:2]
    side = own.pixels.shape[0]
    eyes = own.landmarks[36:48].mean(axis=0)
    left, top = int(eyes[0]) - 4, int(eyes[1]) - 4
    cut = np.ascontiguousarray(own.pixels[top:, left:])
    low = (cut, own.landmarks - (left, top))
    assert not (low[1] >= 0).all()
    assert side > len(cut)
    for index in range(15):
        forgery = only(kind).forge(*low, partner, image_rng(4, 1, index))
        np.testing.assert_array_equal(forgery.pixels[forgery.mask == 0.0], cut[forgery.mask == 0.0])
        swapped = only(kind).forge(own.pixels, own.landmarks, low, image_rng(4, 2, index))
        assert swapped.kind in (kind, "self_blend")


def test_a_swap_with_nobody_or_a_partner_in_another_pose_is_a_self_blend(portraits):
    own, partner = portraits[:2]
    squeezed = (partner.pixels, partner.landmarks * (0.4, 1.0))
    for index, other in enumerate((None, *[squeezed] * 10)):
        assert only("face_swap").forge(*own, other, image_rng(0, 1, index)).kind == "self_blend"


def test_a_morph_is_an_average_with_the_partner_or_with_the_mirror_image(portraits):
    own = portraits[0]
    dark, bright = np.full_like(own.pixels, 60), np.full_like(own.pixels, 190)
    dark[:, :40], bright[:, :40] = 90, 220  # what a mirror image has on the other side
    means = []
    for index in range(30):
        other = (bright, own.landmarks)
        made = only("morph", 0.0).forge(dark, own.landmarks, other, image_rng(6, 1, index))
        replaced = made.mask > 0.2
        shares = made.mask[replaced]
        assert shares.max() <= 0.75
        means.append(float((made.pixels[replaced].astype(float).mean(axis=1) - 60).mean()))
    assert sum(mean > 25 for mean in means) >= 8  # lent by the partner
    assert sum(mean < 25 for mean in means) >= 8  # the face's own
    alone = only("morph", 0.0).forge(own.pixels, own.landmarks, None, image_rng(6, 2, 0))
    assert alone.kind == "morph"


def test_a_mirror_image_has_its_landmarks_where_they_belong(portraits):
    points = portraits[0].landmarks
    twice = points.take(MIRRORED, axis=0).take(MIRRORED, axis=0)
    np.testing.assert_array_equal(twice, points)
    mirrored = points.take(MIRRORED, axis=0) * (-1.0, 1.0)
    complete(mirrored - mirrored.min(axis=0), (10_000, 10_000))  # else "mirrored in themselves"


def test_where_the_partner_has_no_pixels_nothing_is_replaced(portraits):
    own, partner = portraits[:2]
    bright = (np.full_like(own.pixels, 200), own.landmarks)
    lip = partner.landmarks[57]
    lent = (np.full_like(partner.pixels[: int(lip[1])], 180), partner.landmarks)
    to_own = affine_between(partner.landmarks, own.landmarks)
    beyond = lip + np.array([0.0, 0.5 * face_size(partner.landmarks)])
    below = apply_affine(to_own, beyond[None])[0, 1]
    kinds = set()
    for index in range(20):
        forgery = only("face_swap").forge(*bright, lent, image_rng(5, 1, index))
        kinds.add(forgery.kind)
        assert forgery.pixels.min() > 120
        if forgery.kind == "face_swap":
            assert forgery.mask[int(below) + 1 :].max() < 0.02
    assert "face_swap" in kinds


def test_a_moved_image_says_where_it_has_no_pixels():
    pixels = np.full((40, 40, 3), 200, np.uint8)
    moved = warp_affine(pixels, np.array([[1.0, 0, 20.0], [0, 1.0, 0]]), Window(0, 0, 40, 40))
    assert moved.pixels.min() == 200
    assert moved.covered[:, :20].min() == 1.0
    assert moved.covered[:, 25:].max() == 0.0
    inside = warp_affine(pixels, np.array([[0.5, 0, 9.0], [0, 0.5, 9.0]]), Window(0, 0, 40, 40))
    assert inside.covered is None


@pytest.mark.parametrize("kind", ["reenactment", "attribute_edit", "self_blend", "morph"])
def test_a_forgery_without_strength_still_changes_an_image_of_one_level(portraits, kind):
    own = portraits[0]
    flat = np.full_like(own.pixels, 128)
    for index in range(10):
        made = only(kind, 0.0).forge(flat, own.landmarks, None, image_rng(9, 1, index))
        mask, changed = (0.2, 0.5) if kind in SHOWING_THROUGH else (0.5, 1.0)
        assert np.abs(made.pixels.astype(int) - 128)[made.mask > mask].mean() >= changed


def test_colors_of_the_donor_become_those_of_the_target():
    rng = np.random.default_rng(0)
    donor = rng.normal(90, 10, (64, 64, 3)).astype(np.float32)
    target = (rng.normal(160, 20, (64, 64, 3)) * (1.0, 0.8, 0.7)).astype(np.float32)
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 16:48] = 1.0
    matched = match_colors(donor, target, mask, 1.0)
    inside = mask > 0
    before, wanted = (one[inside].mean(axis=0) for one in (donor, target))
    np.testing.assert_allclose(matched[inside].mean(axis=0), wanted, atol=1.0)
    half = match_colors(donor, target, mask, 0.5)
    np.testing.assert_allclose(half[inside].mean(axis=0), (before + wanted) / 2, atol=1.0)


def dotted(points, shape):
    """A black image with a white dot at each of ``points``."""
    image = np.zeros((*shape, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x), round(y)), 2, (255, 255, 255), -1)
    return image


def center_of_dot(image, near):
    x, y = (round(value) for value in near)
    part = image[y - 9 : y + 10, x - 9 : x + 10, 0].astype(float)
    rows, columns = np.mgrid[-9:10, -9:10]
    return np.array([(part * columns).sum(), (part * rows).sum()]) / part.sum() + (x, y)


def test_warping_moves_the_image_along_with_a_landmark(portraits):
    points = portraits[0].landmarks
    shape = portraits[0].pixels.shape[:2]
    moved = points.copy()
    moved[48:68] += (0.0, 5.0)
    corner = points[54]
    window = Window(0, 0, shape[1], shape[0])
    warped = warp_within(dotted([corner], shape), points, moved, window).pixels
    np.testing.assert_allclose(center_of_dot(warped, moved[54]), moved[54], atol=1.5)


def test_a_reenacted_face_has_its_mouth_elsewhere(portraits):
    points = portraits[0].landmarks
    for index in range(20):
        moved = draw_expression(points, np.random.default_rng(index))
        shift = np.linalg.norm(moved - points, axis=1) / face_size(points)
        assert shift[48:68].max() > 0.05
        assert shift.max() < 1.0
        mouth = draw_expression(points, np.random.default_rng(index), mouth_only=True)
        np.testing.assert_array_equal(mouth[17:48], points[17:48])


def test_a_borrowed_expression_is_the_drivers(portraits):
    points = portraits[0].landmarks
    driver = points.copy()
    driver[55:60] += 0.3 * face_size(points) * np.array([0.0, 1.0])
    moved = borrow_expression(points, driver * 1.7 + 31.0)
    np.testing.assert_allclose(moved[55:60], driver[55:60], atol=0.5)
    np.testing.assert_allclose(moved[17:48], points[17:48], atol=0.5)


def test_a_partner_is_laid_onto_the_landmarks(portraits):
    own, partner = portraits[:2]
    five = five_of(partner.landmarks)
    shape = own.pixels.shape[:2]
    dots = dotted(five[[0, 1, 3, 4]], partner.pixels.shape[:2])
    window = Window(0, 0, shape[1], shape[0])
    warped = warp_to(dots, partner.landmarks, own.landmarks, window, fit=1.0).pixels
    for point in five_of(own.landmarks)[[0, 1, 3, 4]]:
        np.testing.assert_allclose(center_of_dot(warped, point), point, atol=3.5)


@pytest.mark.parametrize("region", REGIONS)
def test_masks_cover_their_region_and_no_two_are_alike(portraits, region):
    portrait = portraits[0]
    shape = portrait.pixels.shape
    masks = []
    for index in range(12):
        rng = np.random.default_rng(index)
        window, mask = draw_mask(portrait.landmarks, region, shape, rng)
        assert mask.shape == window.shape
        assert mask.min() >= 0.0
        assert 0.5 < mask.max() <= 1.0
        whole = np.zeros(shape[:2], np.float32)
        whole[window.plane] = mask
        masks.append(whole)
    assert len({mask.tobytes() for mask in masks}) == 12
    assert len({float(((mask > 0) & (mask < 0.9)).mean()) for mask in masks}) > 3


def test_kinds_come_as_often_as_their_weights_say(portraits):
    own = portraits[0]
    forger = Forger({"talking_face": 3.0, "attribute_edit": 1.0, "self_blend": 0.0}, 1.0)
    kinds = [
        forger.forge(own.pixels, own.landmarks, None, image_rng(0, 1, i)).kind for i in range(200)
    ]
    assert kinds.count("talking_face") == pytest.approx(150, abs=20)
    assert "self_blend" not in kinds


def test_a_partner_is_of_another_group_and_in_a_near_pose(portraits):
    front = complete(five_of(portraits[0].landmarks), portraits[0].pixels.shape)
    turned = front * (0.6, 1.0)
    partners = Partners.of([front, front, turned, front + 40.0], np.array([0, 0, 1, 2]))
    drawn = [partners.draw(0, np.random.default_rng(i)) for i in range(50)]
    assert set(drawn) <= {2, 3}
    assert drawn.count(3) > drawn.count(2)
    alone = Partners.of([front, front], np.array([0, 0]))
    assert alone.draw(0, np.random.default_rng(0)) is None


def test_more_strength_means_stronger_traces():
    def describe(strength):
        drawn = [draw_traces(np.random.default_rng(seed), strength) for seed in range(200)]
        kept = np.mean([one.reduction for one in drawn if one.reduction is not None])
        offsets = np.std([one.color[1] for one in drawn])
        return kept, offsets

    (none, neutral), (usual, some), (strong, most) = (describe(s) for s in (0.0, 1.0, 2.0))
    assert none == 1.0 > usual > strong
    assert neutral == 0.0 < 1.5 * some < most
