"""Many files at once: in order, bounded, and errors come through."""

import threading
import time

import pytest

from face_forgery.data.images.parallel import map_in_order


@pytest.mark.parametrize("num_workers", [0, 1, 4])
def test_results_come_in_the_order_of_the_items(num_workers):
    def work(item):
        time.sleep(0.001 * (item % 3))
        return item * item

    results = map_in_order(work, range(200), num_workers=num_workers, description="squares")
    assert list(results) == [item * item for item in range(200)]


def test_work_runs_on_several_threads():
    barrier = threading.Barrier(2, timeout=30)
    done = map_in_order(
        lambda item: barrier.wait() if item in (0, 32) else 0,
        range(64),
        num_workers=2,
        description="meeting",
    )
    assert len(list(done)) == 64


def test_items_far_ahead_of_the_reader_are_not_worked_on():
    seen = []
    results = map_in_order(seen.append, range(10_000), num_workers=2, description="appending")
    next(results)
    time.sleep(0.2)
    assert len(seen) < 1000
    results.close()


def test_an_error_ends_the_iteration():
    def work(item):
        raise KeyError(item)

    with pytest.raises(KeyError, match="0"):
        list(map_in_order(work, range(100), num_workers=2, description="failing"))
