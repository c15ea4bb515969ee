"""A drawn set: which picture stands in which row, and drawing rows in parallel."""

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import Literal

import numpy as np

from face_forgery.forgery.rendering.camera import encode_jpeg, expose, sample_camera
from face_forgery.forgery.rendering.drawn_face import Face, sample_face
from face_forgery.forgery.rendering.fields import stream
from face_forgery.forgery.rendering.render import render
from face_forgery.forgery.rendering.rendered_forgeries import (
    FORGERY_KINDS,
    Forgery,
    ForgeryKind,
    forge,
)

SUBSETS = ("train", "val", "test")
ROWS_PER_BATCH = 32
BATCHES_IN_FLIGHT = 3  # for each process

_FACE, _FORGERY, _CAMERA, _ORDER, _KINDS, _NOISE = range(6)  # purposes of random streams


@dataclass(frozen=True)
class RowPlan:
    """What a row of a label file says; follows from seed, subset and row alone."""

    seed: int
    subset: str
    row: int
    img_name: str
    target: int  # 0 = real, 1 = forged
    group: str  # a real picture and the forgery made from it
    kind: ForgeryKind | Literal["real"]
    source: str = "drawn"


@dataclass(frozen=True)
class DrawnRow:
    """A row with its picture."""

    plan: RowPlan
    jpeg: bytes


def plan_row(seed: int, subset: str, row: int) -> RowPlan:
    """Say what a row shows.

    Two rows make a group: a person's real picture and the forgery made from it, in random order.
    Four groups have the four kinds of forgery, in random order.

    Args:
        seed: Of the set.
        subset: One of ``SUBSETS``.
        row: From 0.
    """
    where = (seed, SUBSETS.index(subset))
    group = row // 2
    forged_first = int(stream(*where, _ORDER, group).integers(2))
    target = (row + forged_first) % 2
    order = stream(*where, _KINDS, group // len(FORGERY_KINDS)).permutation(len(FORGERY_KINDS))
    forgery = FORGERY_KINDS[int(order[group % len(FORGERY_KINDS)])]
    kind: ForgeryKind | Literal["real"] = forgery if target else "real"
    digest = hashlib.blake2b(f"{seed}/{subset}/{row}".encode(), digest_size=16).hexdigest()
    return RowPlan(seed, subset, row, f"{digest}.jpg", target, f"{subset}_{group:06d}", kind)


def face_of(plan: RowPlan) -> Face:
    """Return the face of the row's group."""
    return sample_face(_stream(plan, _FACE, plan.row // 2))


def forgery_of(plan: RowPlan, size: int) -> Forgery:
    """Return the forgery of a forged row, before the camera, with its mask and landmarks.

    Raises:
        ValueError: If the row is real.
    """
    if plan.kind == "real":
        raise ValueError(f"row {plan.row} of {plan.subset} is real, not a forgery")
    return forge(face_of(plan), plan.kind, _stream(plan, _FORGERY, plan.row // 2), size)


def draw_row(plan: RowPlan, size: int) -> DrawnRow:
    """Draw the picture of a row: ``size`` x ``size`` pixels, JPEG.

    Both pictures of a group come from one camera with the same settings; each has noise of its own.
    """
    image = forgery_of(plan, size).image if plan.target else render(face_of(plan), size).image
    camera = sample_camera(_stream(plan, _CAMERA, plan.row // 2))
    pixels = expose(image, camera, _stream(plan, _NOISE, plan.row))
    return DrawnRow(plan, encode_jpeg(pixels, camera.quality))


def draw_set(
    num_images: dict[str, int], *, size: int, seed: int, num_workers: int
) -> Iterator[list[DrawnRow]]:
    """Draw a set in batches, in order; memory does not grow with the number of pictures.

    Args:
        num_images: How many pictures each of ``SUBSETS`` has.
        size: Pixels of each side.
        seed: Of the set.
        num_workers: Processes; 0 draws here. Does not change the pictures.
    """
    batches = _batches(num_images, seed)
    if num_workers == 0:
        for batch in batches:
            yield _draw_batch(batch, size)
        return
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        pending: deque[Future[list[DrawnRow]]] = deque(
            pool.submit(_draw_batch, batch, size)
            for batch in islice(batches, BATCHES_IN_FLIGHT * num_workers)
        )
        while pending:
            drawn = pending.popleft().result()
            for batch in islice(batches, 1):
                pending.append(pool.submit(_draw_batch, batch, size))
            yield drawn


def _batches(num_images: dict[str, int], seed: int) -> Iterator[list[RowPlan]]:
    for subset in SUBSETS:
        end = num_images[subset]
        for start in range(0, end, ROWS_PER_BATCH):
            rows = range(start, min(start + ROWS_PER_BATCH, end))
            yield [plan_row(seed, subset, row) for row in rows]


def _draw_batch(batch: list[RowPlan], size: int) -> list[DrawnRow]:
    return [draw_row(plan, size) for plan in batch]


def _stream(plan: RowPlan, *keys: int) -> np.random.Generator:
    return stream(plan.seed, SUBSETS.index(plan.subset), *keys)
