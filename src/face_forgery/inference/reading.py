"""Pictures as the network takes them, or the reason why there is none; a batch at a time."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.faces import Face, FaceFinder, cut_square
from face_forgery.data.images.remote import read_rgb_at
from face_forgery.data.loading.transforms import PixelTransform, eval_transform
from face_forgery.data.loading.workers import in_one_thread, load_in_workers
from face_forgery.modeling.detector import Detector

_PREFETCHED_BATCHES = 2  # of each worker


class Decode(Protocol):
    """Returns a picture, ``(H, W, 3)`` uint8, or raises ``ImageError``."""

    def __call__(self, *, side: int | None) -> NDArray[np.uint8]:
        """Decode in full, or at a smaller scale that keeps ``side`` pixels on both sides."""


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


class Fit(NamedTuple):
    """How pictures are brought to a network's size."""

    transform: PixelTransform  # uint8 (3, H, W) -> uint8 (3, S, S)
    side: int | None  # a JPEG is decoded smaller, with so many pixels on both sides; None: in full


@dataclass(frozen=True, eq=False)
class PictureReader:
    """Reads pictures for one detector; picklable, but not for several threads at once.

    Args:
        fit: How the detector reads pictures.
        min_size: Pixels; a picture with a shorter side is ``too_small``.
        finder: Cuts pictures to their faces, which needs all of their pixels; ``None``: they are
            taken whole.
    """

    fit: Fit
    min_size: int
    finder: FaceFinder | None = None

    @classmethod
    def of(cls, detector: Detector, *, min_size: int) -> "PictureReader":
        """Return what reads pictures as ``detector`` has learnt them."""
        finder, given = finder_of(detector), detector.preprocessing
        fit = Fit(
            eval_transform(given.image_size, given.interpolation),
            given.image_size if given.scaled_decoding and finder is None else None,
        )
        return cls(fit, min_size, finder)

    def read_at(self, packed: str | None) -> Reading:
        """Read the picture at a path or URL, as `pack_places` gives it.

        ``None`` is ``unreadable`` without a reason: the caller knows it.
        """
        if packed is None:
            return Reading((), (), "unreadable", "")
        return self.read(partial(read_rgb_at, unpack_place(packed)))

    def read(self, decode: Decode) -> Reading:
        """Decode one picture and bring it to the network's size; a bad one gets a status."""
        try:
            pixels = decode(side=self.fit.side)
            height, width = pixels.shape[:2]
            if self.fit.side is not None and min(height, width) < self.min_size:
                height, width = decode(side=None).shape[:2]
        except ImageError as error:
            return Reading((), (), error.status, error.detail)
        if min(height, width) < self.min_size:
            detail = (
                f"{width} x {height} pixels; the shorter side needs {self.min_size} "
                "(inference.min_size)"
            )
            return Reading((), (), "too_small", detail)
        if self.finder is None:
            return Reading((self._fit(pixels),), (), "ok", "")
        found = self.finder.find(pixels)
        squares = (self.finder.square_of(face, pixels.shape) for face in found.faces)
        images = tuple(self._fit(cut_square(pixels, square)) for square in squares)
        return Reading(images, found.faces, found.status, found.detail)

    def _fit(self, pixels: NDArray[np.uint8]) -> Tensor:
        return self.fit.transform(torch.from_numpy(pixels).permute(2, 0, 1))


def finder_of(detector: Detector) -> FaceFinder | None:
    """Return what cuts pictures to their faces; ``None`` where they are taken whole."""
    if detector.faces is None or detector.face_model is None:
        return None
    return FaceFinder(detector.face_model, detector.faces)


def pack_places(places: Iterable[Path | str | None]) -> NDArray[Any]:
    """Return paths and URLs as NumPy holds them: processes share them and copy none.

    A file name need not be text: its bytes are kept as Latin-1, which has a letter for each.
    """
    names = [None if place is None else os.fsencode(place).decode("latin-1") for place in places]
    return np.array(names, dtype=np.dtypes.StringDType(na_object=None))


def unpack_place(packed: str) -> str:
    """Return the path or URL that `pack_places` has packed."""
    return os.fsdecode(packed.encode("latin-1"))


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
    reader: PictureReader,
    *,
    batch_size: int,
    num_workers: int,
) -> DataLoader[Any]:
    """Return a loader of ``ReadBatch`` over paths and URLs, in their order.

    What is in a batch does not depend on ``num_workers``; 0 reads in this process. A place that is
    ``None`` is ``unreadable`` without a reason: the caller knows it.
    """
    packed = pack_places(places)
    if len(packed) <= batch_size:
        num_workers = 0  # starting a worker takes longer than a batch
    return load_in_workers(
        _PictureFiles(packed, reader),
        num_workers,
        collate=stack_readings,
        num_ahead=_PREFETCHED_BATCHES,
        batch_size=batch_size,
    )


@dataclass(frozen=True, eq=False)
class _PictureFiles:
    places: NDArray[Any]
    reader: PictureReader

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Reading:
        with in_one_thread():
            return self.reader.read_at(self.places[index])
