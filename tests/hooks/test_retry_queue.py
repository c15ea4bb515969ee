"""Nothing that tracking cannot take is lost without a word, and nothing waits for it."""

from types import SimpleNamespace

import pytest

from face_forgery.hooks import retry_queue
from face_forgery.hooks.retry_queue import RetryQueue


@pytest.fixture
def store():
    """What the store has taken, whether it is down, how often it was asked, and its clock."""
    return SimpleNamespace(taken=[], down=False, num_attempts=0, now=0.0)


@pytest.fixture
def queue(store, monkeypatch):
    def sleep(seconds):
        store.now += seconds

    clock = SimpleNamespace(monotonic=lambda: store.now, sleep=sleep)
    monkeypatch.setattr(retry_queue, "time", clock)
    return RetryQueue()


def send(queue, store, name, value=None):
    def take():
        store.num_attempts += 1
        if store.down:
            raise ConnectionError("no answer")
        store.taken.append(value or name)

    queue.send(name, take)


def test_what_can_be_sent_is_sent_at_once_and_once(queue, store):
    send(queue, store, "a")
    assert store.taken == ["a"]
    assert queue.flush() == {}
    assert store.taken == ["a"]


def test_what_was_kept_goes_out_in_order_once_the_store_answers(queue, store):
    store.down = True
    send(queue, store, "a")
    send(queue, store, "b")
    store.down = False
    store.now = 300.0
    send(queue, store, "c")
    assert store.taken == ["a", "b", "c"]


def test_a_store_that_is_down_is_asked_once_an_interval(queue, store):
    store.down = True
    for store.now in (0.0, 299.0, 300.0, 599.0, 600.0):
        send(queue, store, f"at {store.now}")
    assert store.num_attempts == 3


def test_the_newest_value_of_a_name_replaces_the_kept_one(queue, store):
    store.down = True
    send(queue, store, "history", "epoch 1")
    send(queue, store, "history", "epoch 2")
    store.down = False
    assert queue.flush() == {}
    assert store.taken == ["epoch 2"]


def test_flush_tries_everything_and_names_what_failed(queue, store):
    def broken():
        raise ValueError("a bad name")

    queue.send("broken", broken)
    send(queue, store, "a")
    assert queue.flush() == {"broken": "ValueError: a bad name"}
    assert store.taken == ["a"]


def test_flush_waits_some_seconds_for_a_store_that_comes_back(queue, store):
    def take():
        if store.now < 5:
            raise ConnectionError("cut off")
        store.taken.append("a")

    queue.send("a", take)
    assert queue.flush() == {}
    assert store.taken == ["a"]


def test_flush_ends_when_the_store_has_cost_too_much_time(queue, store):
    def hang():
        store.now += 60.0
        raise TimeoutError("no answer")

    for name in ("a", "b", "c"):
        queue.send(name, hang)
    not_tried = dict.fromkeys(("b", "c"), "not tried again")
    assert queue.flush() == {"a": "TimeoutError: no answer", **not_tried}
    assert store.now == 120.0


def test_an_interrupt_is_no_failure_of_the_store(queue):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.send("a", interrupted)
