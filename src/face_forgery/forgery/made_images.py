"""Rows of a made set, and making them in several processes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import cv2

from face_forgery.data.images.parallel import submit_in_order

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
    one_thread = partial(cv2.setNumThreads, 1)
    pool = ProcessPoolExecutor(num_workers, get_context("spawn"), one_thread)
    yield from submit_in_order(pool, make, batches, num_ahead=BATCHES_IN_FLIGHT * num_workers)
