"""Forgeries: what is changed, and what is not."""

from dataclasses import replace

import numpy as np
import pytest

from face_forgery.forgery.rendering.attribute_edits import EDITS
from face_forgery.forgery.rendering.detail import color_grid, sharpened
from face_forgery.forgery.rendering.face_parts import INNER_FACE, MOUTH, bounds, region_mask
from face_forgery.forgery.rendering.fields import blur, stream
from face_forgery.forgery.rendering.render import render
from face_forgery.forgery.rendering.rendered_forgeries import (
    FORGERY_KINDS,
    align,
    forge,
    match_colors,
    sample_traces,
    splice,
)
from face_forgery.forgery.rendering.resampling import affine_between, fewer_pixels, sample


@pytest.mark.parametrize("kind", FORGERY_KINDS)
@pytest.mark.parametrize("size", [64, 160])
def test_a_forgery_differs_under_its_mask_and_nowhere_else(make_face, kind, size):
    for seed in range(4):
        forgery = forge(make_face(seed), kind, stream(5, seed), size)
        difference = np.abs(forgery.image - forgery.real.image).max(axis=0)
        assert not difference[forgery.mask == 0].any()
        assert (difference[forgery.mask > 0.9] > 0.004).mean() > 0.8
        assert forgery.image.min() >= 0.0
        assert forgery.image.max() <= 1.0


@pytest.mark.parametrize("kind", FORGERY_KINDS)
def test_the_mask_is_a_part_of_the_face(make_face, kind):
    for seed in range(6):
        forgery = forge(make_face(seed), kind, stream(6, seed), 96)
        assert (forgery.mask <= forgery.real.face).all()
        assert 0.015 < forgery.mask.mean() < 0.30
        assert forgery.mask.max() == 1.0


def test_a_forgery_follows_from_its_seed(make_face):
    first, again, other = (forge(make_face(), "face_swap", stream(k), 64) for k in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_every_attribute_is_edited(make_face):
    changes = {forge(make_face(), "attribute_edit", stream(8, k), 64).change for k in range(40)}
    assert changes == set(EDITS)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_face_in_its_region(make_face, name):
    change, region = EDITS[name]
    face = make_face(3)
    before, after = render(face, 96), render(change(face, stream(1)), 96)
    mask = region_mask(before.landmarks, before.face, region, 1.0)
    difference = np.abs(after.image - before.image).sum(axis=0)
    inside = (difference * mask).sum() / mask.sum()
    outside = (difference * (1.0 - mask)).sum() / (1.0 - mask).sum()
    assert difference.max() > 0.02
    assert inside > 2.0 * outside


def test_a_spliced_picture_gives_back_smooth_pixels_of_the_generator(make_face):
    real, traces = render(make_face(), 96), sample_traces(stream(4))
    plain = replace(traces, color_grid=0.0, tilt=(0.0, 0.0), tint=(1.0, 1.0, 1.0))
    mask = region_mask(real.landmarks, real.face, MOUTH, 2.0)
    rows, columns = bounds(mask)
    flat = np.full((3, rows.stop - rows.start, columns.stop - columns.start), 0.5, np.float32)
    inside = splice(real.image, real.landmarks, flat, mask, plain)[:, mask == 1.0]
    assert np.abs(inside.mean() - 0.5) < 0.02


def test_wrong_light_and_color_show_under_the_mask(make_face):
    real, traces = render(make_face(), 96), sample_traces(stream(4))
    red = replace(traces, color_grid=0.0, tilt=(0.0, 0.0), tint=(1.2, 1.0, 1.0))
    mask = region_mask(real.landmarks, real.face, INNER_FACE, 2.0)
    part = bounds(mask)
    plain = splice(
        real.image, real.landmarks, real.image[:, *part], mask, replace(red, tint=(1.0, 1.0, 1.0))
    )
    tinted = splice(real.image, real.landmarks, real.image[:, *part], mask, red)
    ratio = tinted[:, mask == 1.0].mean(axis=1) / plain[:, mask == 1.0].mean(axis=1)
    assert ratio == pytest.approx([1.2, 1.0, 1.0], abs=0.03)


def test_alignment_brings_eyes_and_mouth_together(make_face):
    source, target = render(make_face(1), 128), render(make_face(2), 128)
    moved = align(source, target.landmarks, (slice(0, 128), slice(0, 128)), (0.0, 0.0))
    for place, wanted in zip(
        source.landmarks.eyes_and_mouth, target.landmarks.eyes_and_mouth, strict=True
    ):
        x, y = place.astype(np.float32)
        original = sample(source.image, np.full((1, 1), x), np.full((1, 1), y))
        x, y = wanted.astype(np.float32)
        assert np.allclose(
            sample(moved, np.full((1, 1), x), np.full((1, 1), y)), original, atol=0.12
        )


def test_colors_are_matched_under_the_mask():
    donor = np.full((3, 8, 8), 0.2, dtype=np.float32)
    target = np.full((3, 8, 8), 0.4, dtype=np.float32)
    mask = np.ones((8, 8), dtype=np.float32)
    assert np.allclose(match_colors(donor, target, mask, 1.0), 0.4, atol=1e-6)
    assert np.allclose(match_colors(donor, target, mask, 0.5), 0.3, atol=1e-6)


def test_the_detour_over_fewer_pixels_loses_detail_and_keeps_the_rest():
    fine = stream(1).random((3, 64, 64)).astype(np.float32)
    coarse = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (3, 64, 64))
    assert fewer_pixels(fine, 0.6).std() < 0.7 * fine.std()
    assert np.allclose(fewer_pixels(coarse, 0.6)[:, 4:-4, 4:-4], coarse[:, 4:-4, 4:-4], atol=0.02)


def test_sharpening_gives_back_the_strength_of_edges():
    original = np.zeros((3, 40, 40), dtype=np.float32)
    original[:, :, 20:] = 0.5
    mask = np.ones((40, 40), dtype=np.float32)
    soft = blur(original, 2.0)
    steepest = [
        np.abs(np.diff(p, axis=2)).max()
        for p in (soft, sharpened(soft, original, mask, radius=3.0, lens=1.0))
    ]
    assert steepest[1] > 1.2 * steepest[0]
    assert np.array_equal(sharpened(original, soft, mask, radius=3.0, lens=1.0), original)


def test_the_colored_grid_leaves_luminance_alone():
    grid = color_grid((3, 32, 32), 160)
    luma = 0.299 * grid[0] + 0.587 * grid[1] + 0.114 * grid[2]
    assert np.abs(luma).max() < 1e-3
    assert np.abs(grid[0]).max() == 1.0


def test_an_affine_map_takes_its_points_to_their_targets():
    source = np.array([[1.0, 2.0], [5.0, 3.0], [2.0, 9.0]])
    target = np.array([[-1.0, 0.0], [1.0, 0.5], [0.0, 1.0]])
    (a, b, c), (d, e, f) = affine_between(source, target)
    for (x, y), wanted in zip(source, target, strict=True):
        assert (a * x + b * y + c, d * x + e * y + f) == pytest.approx(tuple(wanted))


def test_points_on_a_line_have_no_affine_map():
    line = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    with pytest.raises(ValueError, match="lie on one line"):
        affine_between(line, line)
