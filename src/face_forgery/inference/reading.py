"""Read: paths, URLs and bytes to the uint8 images that a network takes, or the reason why not."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face_forgery.data.images.appearance import describe_appearance
from face_forgery.data.images.crops import cut_square
from face_forgery.data.images.cut_record import check_same_cut, finder_above
from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.faces import Face, FaceFinder
from face_forgery.data.images.remote import read_rgb_at
from face_forgery.data.images.resizing import PixelTransform, eval_transform
from face_forgery.data.loading.workers import in_one_thread, iterate, load_in_workers
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.familiarity import AppearanceModel
from face_forgery.progress import track

_PREFETCHED_BATCHES = 2  # of each worker


class Decode(Protocol):
    """Returns an image, ``(H, W, 3)`` uint8, or raises ``ImageError``."""

    def __call__(self, *, side: int | None) -> NDArray[np.uint8]:
        """Decode in full, or at a smaller scale that keeps ``side`` pixels on both sides."""


class Reading(NamedTuple):
    """One image in the network's size, or the reason why there is none."""

    images: tuple[Tensor, ...]  # uint8 (3, S, S): one, or one for each face; none unless ok
    faces: tuple[Face, ...]  # as many as images; none where the image is taken whole
    status: str  # ok, missing, unreadable, too_large, too_small, no_face or too_blurry
    detail: str  # empty for ok
    unlikeness: tuple[float, ...] = ()  # as many as images, if measured; above 1 is unfamiliar


class ReadBatch(NamedTuple):
    """Readings in order; ``images`` holds only those that are ok."""

    images: Tensor  # uint8 (K, 3, S, S), those of the first reading first
    counts: NDArray[np.int64]  # (B,), how many of the images belong to each reading
    faces: tuple[tuple[Face, ...], ...]  # (B,)
    statuses: tuple[str, ...]  # (B,)
    details: tuple[str, ...]  # (B,)
    unlikeness: NDArray[np.float64]  # (K,), above 1 is unfamiliar; 0 where it is not measured


@dataclass(frozen=True, eq=False)
class ImageReader:
    """Reads images for one detector; picklable, but not for several threads at once.

    Args:
        transform: uint8 ``(3, H, W)`` to uint8 ``(3, S, S)``.
        side: A JPEG is decoded smaller, with so many pixels on both sides; ``None``: in full.
        min_size: Pixels; an image with a shorter side is ``too_small``.
        finder: Crops images to their faces, which needs all of their pixels; ``None``: images are
            taken whole.
        is_labelled: The images are of a set whose labels are given: those that sampling has cut to
            faces (`finder_above`) are taken whole. Strangers' folders cannot say so.
        measure: Says how unlike the training images one is, uint8 ``(S, S, 3)``; ``None``: nobody.
    """

    transform: PixelTransform
    side: int | None
    min_size: int
    finder: FaceFinder | None = None
    measure: Callable[[NDArray[np.uint8]], float] | None = None
    is_labelled: bool = False

    @classmethod
    def of(cls, detector: Detector, *, min_size: int, is_labelled: bool = False) -> "ImageReader":
        """Return the reader that prepares images as ``detector`` was trained on them."""
        finder, given = finder_of(detector), detector.preprocessing
        side = given.image_size if given.scaled_decoding and finder is None else None
        transform = eval_transform(given.image_size, given.interpolation)
        return cls(transform, side, min_size, finder, unlikeness_of(detector), is_labelled)

    def read_at(self, packed: str | None) -> Reading:
        """Read the image at a path or URL, as `pack_paths` gives it.

        ``None`` is ``unreadable`` without a reason: the caller knows it.
        """
        if packed is None:
            return Reading((), (), "unreadable", "")
        path, reader = unpack_path(packed), self
        if self.is_labelled and self.finder is not None:
            cut = finder_above(Path(path))
            if cut is not None:
                check_same_cut(cut.params, self.finder.params, Path(path).parent)
                reader = replace(self, finder=None)
        return reader.read(partial(read_rgb_at, path))

    def read(self, decode: Decode) -> Reading:
        """Decode one image and bring it to the network's size; a bad one gets a status."""
        try:
            pixels = decode(side=self.side)
            height, width = pixels.shape[:2]
            if self.side is not None and min(height, width) < self.min_size:
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
            images: tuple[Tensor, ...] = (self._resize(pixels),)
            return Reading(images, (), "ok", "", self._compare(images))
        found = self.finder.find(pixels)
        squares = (self.finder.square_of(face, pixels.shape) for face in found.faces)
        images = tuple(self._resize(cut_square(pixels, square)) for square in squares)
        return Reading(images, found.faces, found.status, found.detail, self._compare(images))

    def _compare(self, images: tuple[Tensor, ...]) -> tuple[float, ...]:
        if self.measure is None:
            return ()
        return tuple(self.measure(as_pixels(image)) for image in images)

    def _resize(self, pixels: NDArray[np.uint8]) -> Tensor:
        return self.transform(torch.from_numpy(pixels).permute(2, 0, 1))


def finder_of(detector: Detector) -> FaceFinder | None:
    """Return what crops images to their faces; ``None`` where they are taken whole."""
    if detector.faces is None or detector.face_model is None:
        return None
    return FaceFinder(detector.face_model, detector.faces)


def unlikeness_of(detector: Detector) -> Callable[[NDArray[np.uint8]], float] | None:
    """Return what measures how unlike an image is to those that ``detector`` was trained on.

    Distance over threshold: above 1 the image is unfamiliar. ``None`` where there is no threshold.
    """
    if detector.familiarity is None or detector.appearance is None:
        return None
    return partial(_measure_unlikeness, detector.appearance, detector.familiarity.threshold)


def _measure_unlikeness(
    appearance: AppearanceModel, threshold: float, image: NDArray[np.uint8]
) -> float:
    return float(appearance.distances(describe_appearance(image)[None])[0]) / threshold


def as_pixels(image: Tensor) -> NDArray[np.uint8]:
    """Return ``image``, uint8 ``(3, S, S)``, as OpenCV takes it: ``(S, S, 3)``."""
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def pack_paths(paths: Iterable[Path | str | None]) -> NDArray[Any]:
    """Return paths and URLs as NumPy holds them: processes share them and copy none.

    A file name need not be text: its bytes are kept as Latin-1, which has a letter for each.
    """
    names = [None if path is None else os.fsencode(path).decode("latin-1") for path in paths]
    return np.array(names, dtype=np.dtypes.StringDType(na_object=None))


def unpack_path(packed: str) -> str:
    """Return the path or URL that `pack_paths` has packed."""
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
        np.array([x for one in readings for x in one.unlikeness or (0.0,) * len(one.images)]),
    )


def read_batches(
    paths: Iterable[Path | str | None], reader: ImageReader, *, batch_size: int, num_workers: int
) -> Iterator[Any]:
    """Yield a ``ReadBatch`` after the other of paths and URLs, in their order.

    A path that is ``None`` is ``unreadable`` without a reason: the caller knows it.
    """
    packed = pack_paths(paths)
    if len(packed) <= batch_size:
        num_workers = 0  # starting a worker takes longer than a batch
    loader = load_in_workers(
        _ImageFiles(packed, reader),
        num_workers,
        collate=stack_readings,
        num_ahead=_PREFETCHED_BATCHES,
        batch_size=batch_size,
    )
    return iterate(loader)


def read_images(
    paths: Sequence[Path],
    reader: ImageReader,
    *,
    batch_size: int,
    num_workers: int,
    description: str,
) -> Iterator[Tensor]:
    """Yield images of a manifest in the network's size, uint8 ``(3, S, S)``, in order.

    Progress is shown.

    Raises:
        ImageError: If one of them cannot be read.
    """
    batches = read_batches(paths, reader, batch_size=batch_size, num_workers=num_workers)
    left = iter(paths)
    for batch in track(
        batches, description=description, total=len(paths), count=lambda one: len(one.statuses)
    ):
        check_readings(batch, left)
        yield from batch.images


def check_readings(batch: Any, paths: Iterable[Path]) -> None:
    """Refuse a ``ReadBatch`` of a manifest with images that cannot be read.

    ``paths`` are those of its images; others may follow.

    Raises:
        ImageError: With the path of the first.
    """
    for status, detail, path in zip(batch.statuses, batch.details, paths, strict=False):
        if status != "ok":
            raise ImageError(
                f"{path}: {detail}. It could be read when the manifest was made; "
                "run ingestion again",
                status=status,
            )


@dataclass(frozen=True, eq=False)
class _ImageFiles:
    packed: NDArray[Any]
    reader: ImageReader

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, index: int) -> Reading:
        with in_one_thread():
            return self.reader.read_at(self.packed[index])
