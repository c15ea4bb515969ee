"""Images that several processes make."""

from concurrent.futures import Future

import pytest

from face_forgery.forgery import made_images
from face_forgery.forgery.made_images import BATCHES_IN_FLIGHT, make_in_order


def test_one_process_makes_no_batch_before_it_is_asked_for():
    asked = []
    made = make_in_order(lambda batch: asked.append(batch) or [batch], range(9), num_workers=0)
    assert [next(made), next(made)] == [[0], [1]]
    assert asked == [0, 1]


class CountingPool:
    """Runs a task when it is submitted and counts results nobody has taken yet."""

    waiting = most_waiting = 0

    def __init__(self, num_workers, mp_context, initializer):
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


@pytest.mark.parametrize("num_batches", [3, 300])
def test_batches_come_in_order_and_few_are_in_flight(monkeypatch, num_batches):
    monkeypatch.setattr(made_images, "ProcessPoolExecutor", CountingPool)
    CountingPool.waiting = CountingPool.most_waiting = 0
    made = []
    for batch in make_in_order(lambda number: [number], range(num_batches), num_workers=4):
        CountingPool.waiting -= 1
        made += batch
    assert made == list(range(num_batches))
    assert CountingPool.most_waiting <= 4 * BATCHES_IN_FLIGHT + 1
