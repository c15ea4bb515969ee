"""Work on many files at once: results in order, memory bounded, a bar while it runs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from face_forgery.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNK = 32  # items a task: handing over a single file costs as much as reading it
_TASKS_AHEAD = 4  # a worker: enough to stay busy, little enough to hold in memory


def map_in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    num_workers: int,
    description: str,
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item, in the order of ``items``; an exception ends it.

    ``num_workers`` threads work, or the calling one: reading and decoding release Python's lock.
    """
    results = (
        map(function, items) if num_workers == 0 else _map_threaded(function, items, num_workers)
    )
    yield from track(results, description=description, total=len(items))


def submit_in_order(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, num_ahead: int
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of ``items``, of which ``num_ahead`` are taken ahead.

    The pool is shut down at the end, at an exception, and where nobody asks for more.
    """
    rest = iter(items)
    with pool:
        pending = deque(pool.submit(function, item) for item in islice(rest, num_ahead))
        try:
            while pending:
                result = pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(rest, 1))
                yield result
        finally:
            for future in pending:
                future.cancel()


def _map_threaded(
    function: Callable[[Item], Result], items: Sequence[Item], num_workers: int
) -> Iterator[Result]:
    def work(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + _CHUNK]]

    pool = ThreadPoolExecutor(num_workers, thread_name_prefix="images")
    starts, num_ahead = range(0, len(items), _CHUNK), num_workers * _TASKS_AHEAD
    for results in submit_in_order(pool, work, starts, num_ahead=num_ahead):
        yield from results
