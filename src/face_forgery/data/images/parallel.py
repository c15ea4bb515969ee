"""Work on many files at once: results in order, memory bounded, a bar while it runs."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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


def _map_threaded(
    function: Callable[[Item], Result], items: Sequence[Item], num_workers: int
) -> Iterator[Result]:
    def work(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + _CHUNK]]

    pending: deque[Future[list[Result]]] = deque()
    pool = ThreadPoolExecutor(num_workers, thread_name_prefix="images")
    try:
        for start in range(0, len(items), _CHUNK):
            pending.append(pool.submit(work, start))
            if len(pending) >= num_workers * _TASKS_AHEAD:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
