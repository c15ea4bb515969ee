"""Which image stands in which row of the drawn set."""

from collections import Counter

import numpy as np
import pytest

from face_forgery.forgery.rendering.demo_set import (
    DRAWN_KINDS,
    ROWS_PER_BATCH,
    draw_set,
    face_of,
    forgery_of,
    plan_row,
    rendered_of,
)


def draw(num_images, *, seed=3, num_workers=0):
    counts = {"train": 0, "val": 0, "test": 0} | num_images
    batches = draw_set(counts, size=64, seed=seed, num_workers=num_workers)
    return [row for batch in batches for row in batch]


def test_a_group_is_one_real_image_and_one_forgery_of_the_same_face():
    plans = [plan_row(0, "train", row) for row in range(400)]
    for first, second in zip(plans[::2], plans[1::2], strict=True):
        assert first.group == second.group
        assert {first.target, second.target} == {0, 1}
        assert face_of(first) == face_of(second)
    assert len({plan.group for plan in plans}) == 200


def test_kinds_are_balanced_and_say_the_target():
    plans = [plan_row(0, "val", row) for row in range(320)]
    kinds = Counter(plan.kind for plan in plans)
    assert kinds == {"real": 160} | dict.fromkeys(DRAWN_KINDS, 40)
    assert all((plan.kind == "real") == (plan.target == 0) for plan in plans)
    assert {plan.kind for plan in plans[:8]} == {"real", *DRAWN_KINDS}


def test_neither_the_row_nor_the_name_tells_the_class():
    plans = [plan_row(0, "train", row) for row in range(1000)]
    first_is_forged = [plan.target for plan in plans[::2]]
    low_digit = [int(plan.img_name[0], 16) < 8 for plan in plans]
    targets = [plan.target for plan in plans]
    assert 0.4 < np.mean(first_is_forged) < 0.6
    assert 0.4 < np.mean(np.equal(low_digit, targets)) < 0.6
    assert len({plan.img_name for plan in plans}) == 1000


def test_no_face_is_in_two_groups_or_subsets():
    faces = [
        face_of(plan_row(0, s, row)) for s in ("train", "val", "test") for row in range(0, 60, 2)
    ]
    assert len({face.texture_seed for face in faces}) == len(faces)


def test_a_row_does_not_depend_on_how_many_are_drawn():
    few, many = draw({"train": 3, "val": 2}), draw({"train": 40, "val": 5, "test": 2})
    drawn = {row.img_name: row.jpeg for row in many}
    assert all(drawn[row.img_name] == row.jpeg for row in few)
    planned = [plan_row(3, "train", row).img_name for row in range(40)]
    assert [row.img_name for row in many if row.subset == "train"] == planned


def test_processes_draw_what_one_process_draws():
    counts = {"train": ROWS_PER_BATCH + 3, "val": 4}
    assert draw(counts, num_workers=2) == draw(counts)


def test_another_seed_draws_other_images():
    first, second = draw({"train": 4}), draw({"train": 4}, seed=4)
    assert not {row.jpeg for row in first} & {row.jpeg for row in second}
    assert not {row.img_name for row in first} & {row.img_name for row in second}


def test_both_images_of_a_group_have_one_quality_and_noise_of_their_own(make_rows):
    for row in range(0, 12, 2):
        (_, first, _), (_, second, _) = make_rows([row, row + 1], seed=0, size=64)
        corner = np.s_[:8, :8]
        assert first.shape == second.shape
        assert not np.array_equal(first[corner], second[corner])
        assert np.abs(first[corner].astype(float).mean() - second[corner].mean()) < 2.5


def test_the_truth_of_a_forged_row_can_be_had_again():
    plan = next(p for p in (plan_row(0, "val", row) for row in range(8)) if p.target)
    forgery = forgery_of(plan, 64)
    assert forgery.kind == plan.kind
    assert forgery.mask.shape == (64, 64)
    changed = (forgery.pixels != rendered_of(plan, 64).pixels).any(axis=2)
    assert not changed[forgery.mask == 0].any()
    assert changed[forgery.mask > 0.9].mean() > 0.8
    with pytest.raises(ValueError, match="is real, not a forgery"):
        forgery_of(plan_row(0, "val", plan.row ^ 1), 64)


def test_images_have_the_size_that_was_asked_for(make_rows):
    for size in (64, 100, 256):
        ((_, pixels, _),) = make_rows([1], seed=0, size=size)
        assert pixels.shape == (size, size, 3)
