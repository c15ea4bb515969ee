"""Which picture stands in which row, and drawing in parallel."""

from collections import Counter
from concurrent.futures import Future

import numpy as np
import pytest

from face_forgery.forgery.rendering import demo_set
from face_forgery.forgery.rendering.demo_set import (
    BATCHES_IN_FLIGHT,
    ROWS_PER_BATCH,
    DrawnRow,
    draw_row,
    draw_set,
    face_of,
    forgery_of,
    plan_row,
)
from face_forgery.forgery.rendering.rendered_forgeries import FORGERY_KINDS


def draw(num_images, *, seed=3, num_workers=0):
    counts = {"train": 0, "val": 0, "test": 0} | num_images
    batches = draw_set(counts, size=64, seed=seed, num_workers=num_workers)
    return [row for batch in batches for row in batch]


def test_a_group_is_one_real_picture_and_one_forgery_of_the_same_face():
    plans = [plan_row(0, "train", row) for row in range(400)]
    for first, second in zip(plans[::2], plans[1::2], strict=True):
        assert first.group == second.group
        assert {first.target, second.target} == {0, 1}
        assert face_of(first) == face_of(second)
    assert len({plan.group for plan in plans}) == 200


def test_kinds_are_balanced_and_say_the_target():
    plans = [plan_row(0, "val", row) for row in range(320)]
    kinds = Counter(plan.kind for plan in plans)
    assert kinds == {"real": 160} | dict.fromkeys(FORGERY_KINDS, 40)
    assert all((plan.kind == "real") == (plan.target == 0) for plan in plans)


def test_eight_pictures_already_have_every_kind():
    assert {plan_row(5, "train", row).kind for row in range(8)} == {"real", *FORGERY_KINDS}


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
    assert len({face.identity for face in faces}) == len(faces)


def test_a_row_does_not_depend_on_how_many_are_drawn():
    few, many = draw({"train": 3, "val": 2}), draw({"train": 40, "val": 5, "test": 2})
    drawn = {row.plan.img_name: row.jpeg for row in many}
    assert all(drawn[row.plan.img_name] == row.jpeg for row in few)
    assert [row.plan.row for row in many if row.plan.subset == "train"] == list(range(40))


def test_processes_draw_what_one_process_draws():
    counts = {"train": ROWS_PER_BATCH + 3, "val": 4}
    assert draw(counts, num_workers=2) == draw(counts)


def test_another_seed_draws_other_pictures():
    first, second = draw({"train": 4}), draw({"train": 4}, seed=4)
    assert not {row.jpeg for row in first} & {row.jpeg for row in second}
    assert not {row.plan.img_name for row in first} & {row.plan.img_name for row in second}


def test_both_pictures_of_a_group_have_one_quality_and_noise_of_their_own(make_rows):
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
    with pytest.raises(ValueError, match="is real, not a forgery"):
        forgery_of(plan_row(0, "val", plan.row ^ 1), 64)


def drawn_without_drawing(monkeypatch):
    """Replace the drawing by an empty file and return the list of rows asked for."""
    asked = []

    def record(plan, size):
        asked.append(plan)
        return DrawnRow(plan, b"")

    monkeypatch.setattr(demo_set, "draw_row", record)
    return asked


def test_one_process_draws_no_batch_before_it_is_asked_for(monkeypatch):
    asked = drawn_without_drawing(monkeypatch)
    batches = draw_set({"train": 100_000, "val": 0, "test": 0}, size=64, seed=0, num_workers=0)
    next(batches)
    next(batches)
    assert len(asked) == 2 * ROWS_PER_BATCH


class CountingPool:
    """Runs a task when it is submitted and counts results nobody has taken yet."""

    waiting = most_waiting = 0

    def __init__(self, num_workers, mp_context):
        assert num_workers == 4

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        return False

    def submit(self, function, *arguments):
        CountingPool.waiting += 1
        CountingPool.most_waiting = max(CountingPool.most_waiting, CountingPool.waiting)
        future = Future()
        future.set_result(function(*arguments))
        return future


def test_the_number_of_batches_in_flight_is_bounded(monkeypatch):
    drawn_without_drawing(monkeypatch)
    monkeypatch.setattr(demo_set, "ProcessPoolExecutor", CountingPool)
    num_rows = 0
    for batch in draw_set({"train": 9_999, "val": 0, "test": 1}, size=64, seed=0, num_workers=4):
        CountingPool.waiting -= 1
        num_rows += len(batch)
    assert num_rows == 10_000
    assert CountingPool.most_waiting <= 4 * BATCHES_IN_FLIGHT + 1


def test_pictures_have_the_size_that_was_asked_for(make_rows):
    for size in (64, 100, 256):
        ((_, pixels, _),) = make_rows([1], seed=0, size=size)
        assert pixels.shape == (size, size, 3)


def test_a_drawn_row_is_repeatable():
    plan = plan_row(1, "test", 5)
    assert draw_row(plan, 96) == draw_row(plan, 96)
