"""Rows of a made set, and making them in several processes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

import cv2

Batch = TypeVar("Batch")

BATCHES_IN_FLIGHT = 3  # for each process


@dataclass(frozen=True)
class MadeImage:
    """A row of a label file, with its image."""

    subset: str  # train, val or test
    img_name: str
    target: int  # 0 = real, 1 = forged
    group: str  # images that must stay on one side of a split
    kind: str
    source: str
    jpeg: bytes


def make_in_order(
    make: Callable[[Batch], list[MadeImage]], batches: Iterable[Batch], *, num_workers: int
) -> Iterator[list[MadeImage]]:
    """Yield ``make(batch)`` in the order of ``batches``, taken a few ahead; memory stays flat.

    ``make`` is picklable. With 0 ``num_workers`` the calling process works.
    """
    if num_workers == 0:
        yield from map(make, batches)
        return
    rest = iter(batches)
    one_thread = partial(cv2.setNumThreads, 1)
    with ProcessPoolExecutor(num_workers, get_context("spawn"), one_thread) as pool:
        pending: deque[Future[list[MadeImage]]] = deque(
            pool.submit(make, batch) for batch in islice(rest, BATCHES_IN_FLIGHT * num_workers)
        )
        while pending:
            made = pending.popleft().result()
            pending.extend(pool.submit(make, batch) for batch in islice(rest, 1))
            yield made
