"""Pictures as the network takes them, or the reason why there is none; a batch at a time."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from face_forgery.data.faces import Face, FaceFinder, cut_square
from face_forgery.data.images import ImageError
from face_forgery.data.loaders import prepare_worker
from face_forgery.data.remote import read_rgb_at
from face_forgery.data.transforms import PixelTransform


class Reading(NamedTuple):
    """One picture: images of the network's size, or none and why."""

    images: tuple[Tensor, ...]  # uint8 (3, S, S): one, or one a face; none unless ok
    faces: tuple[Face, ...]  # as many as images; none where the picture is taken whole
    status: str  # ok, missing, unreadable, too_large, too_small, no_face or too_blurry
    detail: str  # empty for ok


class ReadBatch(NamedTuple):
    """Pictures in order; ``images`` holds only those that are ok."""

    images: Tensor  # uint8 (K, 3, S, S), those of the first picture first
    counts: NDArray[np.int64]  # (B,), how many of the images are a picture's
    faces: tuple[tuple[Face, ...], ...]  # (B,)
    statuses: tuple[str, ...]  # (B,)
    details: tuple[str, ...]  # (B,)


def read_picture(
    decode: Callable[[], NDArray[np.uint8]],
    transform: PixelTransform,
    *,
    min_size: int,
    finder: FaceFinder | None = None,
) -> Reading:
    """Decode one picture and bring it to the network's size; a bad one gets a status.

    Args:
        decode: Returns ``(H, W, 3)`` or raises ``ImageError``.
        transform: ``uint8 (3, H, W) -> uint8 (3, S, S)``.
        min_size: Pixels; a picture with a shorter side is ``too_small``.
        finder: Cuts the picture to its faces; ``None``: it is taken whole.
    """
    try:
        pixels = decode()
    except ImageError as error:
        return Reading((), (), error.status, error.detail)
    height, width = pixels.shape[:2]
    if min(height, width) < min_size:
        detail = (
            f"{width} x {height} pixels; the shorter side needs {min_size} (inference.min_size)"
        )
        return Reading((), (), "too_small", detail)
    if finder is None:
        return Reading((_fit(pixels, transform),), (), "ok", "")
    found = finder.find(pixels)
    crops = (cut_square(pixels, finder.square_of(face, pixels.shape)) for face in found.faces)
    images = tuple(_fit(crop, transform) for crop in crops)
    return Reading(images, found.faces, found.status, found.detail)


def _fit(pixels: NDArray[np.uint8], transform: PixelTransform) -> Tensor:
    return transform(torch.from_numpy(pixels).permute(2, 0, 1))


@dataclass(frozen=True, eq=False)
class PictureReader:
    """Reads pictures by place for one detector; picklable, but not for several threads at once."""

    transform: PixelTransform
    min_size: int
    finder: FaceFinder | None

    def read(self, place: bytes | None) -> Reading:
        """Read the picture at a path or URL, as ``os.fsencode`` gives it, with `read_picture`.

        ``None`` is ``unreadable`` without a reason: the caller knows it.
        """
        if place is None:
            return Reading((), (), "unreadable", "")
        decode = partial(read_rgb_at, os.fsdecode(place))
        return read_picture(decode, self.transform, min_size=self.min_size, finder=self.finder)


def encode_places(places: Iterable[Path | str | None]) -> pa.Array:
    """Return paths and URLs as Arrow holds them: processes share them and copy none.

    Bytes, because a file name need not be text.
    """
    return pa.array(
        [None if place is None else os.fsencode(place) for place in places], pa.large_binary()
    )


def stack_readings(readings: list[Reading]) -> ReadBatch:
    """Put readings into a batch."""
    images = [image for reading in readings for image in reading.images]
    return ReadBatch(
        torch.stack(images) if images else torch.empty((0, 3, 0, 0), dtype=torch.uint8),
        np.array([len(reading.images) for reading in readings], dtype=np.int64),
        tuple(reading.faces for reading in readings),
        tuple(reading.status for reading in readings),
        tuple(reading.detail for reading in readings),
    )


def read_batches(
    places: Iterable[Path | str | None],
    transform: PixelTransform,
    *,
    min_size: int,
    batch_size: int,
    num_workers: int,
    finder: FaceFinder | None = None,
) -> DataLoader[Any]:
    """Return a loader of ``ReadBatch`` over paths and URLs, in their order.

    What is in a batch does not depend on ``num_workers``; 0 reads in this process. A place that is
    ``None`` is ``unreadable`` without a reason: the caller knows it.
    """
    encoded = encode_places(places)
    if len(encoded) <= batch_size:
        num_workers = 0  # starting a worker takes longer than a batch
    dataset: Any = _PictureFiles(encoded, PictureReader(transform, min_size, finder))
    with_workers: dict[str, Any] = {"prefetch_factor": 2, "worker_init_fn": prepare_worker}
    return DataLoader(
        dataset,
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=stack_readings,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # the loader draws a seed; not from the global generator
        **(with_workers if num_workers else {}),
    )


@dataclass(frozen=True, eq=False)
class _PictureFiles:
    places: pa.Array
    reader: PictureReader

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Reading:
        return self.reader.read(self.places[index].as_py())
