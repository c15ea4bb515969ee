"""Nothing that tracking cannot take is lost without a word, and nothing waits for it."""

import pytest

from face_forgery.hooks.retry_queue import RetryQueue


class Store:
    """Takes what it is given, unless it is down."""

    def __init__(self):
        self.down = False
        self.taken = []
        self.num_attempts = 0

    def take(self, what):
        self.num_attempts += 1
        if self.down:
            raise ConnectionError("no answer")
        self.taken.append(what)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return RetryQueue(pause_s=300.0, clock=clock)


def send(queue, store, what, value=None):
    queue.send(what, lambda: store.take(value or what))


def test_what_can_be_sent_is_sent_at_once_and_once(queue, store):
    send(queue, store, "a")
    assert store.taken == ["a"]
    assert queue.flush() == {}
    assert store.taken == ["a"]


def test_after_a_failure_nothing_is_tried_for_a_while(queue, store, clock):
    store.down = True
    send(queue, store, "a")
    clock.now = 299.0
    send(queue, store, "b")
    assert store.num_attempts == 1


def test_what_was_kept_goes_out_in_order_once_the_store_answers(queue, store, clock):
    store.down = True
    send(queue, store, "a")
    send(queue, store, "b")
    store.down = False
    clock.now = 300.0
    send(queue, store, "c")
    assert store.taken == ["a", "b", "c"]


def test_a_store_that_is_still_down_is_asked_once_an_interval(queue, store, clock):
    store.down = True
    for clock.now in (0.0, 300.0, 600.0):
        send(queue, store, f"at {clock.now}")
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


def test_the_last_try_of_all_ends_when_the_store_has_cost_too_much_time(queue, store, clock):
    def hang():
        clock.now += 60.0
        raise TimeoutError("no answer")

    for what in ("a", "b", "c"):
        queue.send(what, hang)
    assert queue.flush() == {
        "a": "TimeoutError: no answer",
        "b": "not tried again",
        "c": "not tried again",
    }
    assert clock.now == 120.0


def test_an_interrupt_is_no_failure_of_the_store(queue):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.send("a", interrupted)
