"""Images by index: what is read, forged and augmented follows from (seed, epoch, index) alone."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from face_forgery.data.images.crops import Square, cut_square
from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.images.face_table import squares_of
from face_forgery.data.images.resizing import PixelTransform, eval_transform
from face_forgery.data.labels.manifest import FAKE, ROWS_AT_ONCE, fingerprint_rows
from face_forgery.data.loading.rng import seeded_torch
from face_forgery.data.loading.transforms import train_transform
from face_forgery.data.loading.workers import in_one_thread
from face_forgery.params import AugmentationParams, PreprocessingParams

# (epoch, index), or (epoch, index, repeat) of an image that comes again within the epoch: how often
# it came before.
Key = tuple[int, ...]


class Forgeries(Protocol):
    """Makes forgeries of real images that are read; ``forgery.making.on_the_fly`` has them."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """``(M,)``: indices of the images that can be forged, ascending; all of them real."""

    @property
    def num_per_epoch(self) -> int:
        """How many forged copies every epoch has, at most ``M``."""

    @property
    def fingerprint(self) -> str:
        """Of all that a forgery follows from and no parameter says."""

    def make(
        self,
        row: int,
        read: Callable[[int], NDArray[np.uint8]],
        *,
        seed: int,
        epoch: int,
        again: int,
    ) -> NDArray[np.uint8]:
        """Return a forgery ``(H, W, 3)`` of the image at index ``row``.

        ``read`` opens the image at an index; ``again`` counts forgeries of ``row`` in an epoch.
        """


@dataclass(frozen=True, eq=False)
class ImageDataset(Dataset[tuple[Tensor, int]]):
    """The images of a manifest: ``(uint8 (3, S, S), target)``; picklable, cheap for workers.

    ``dataset[index]`` is an image as it is scored. ``dataset[epoch, index]`` and
    ``dataset[epoch, index, repeat]`` are changed at random, by ``augmentation``. Indices from
    ``len(dataset)`` on are forged copies: of the image at ``index - len(dataset)``. An image that
    cannot be decoded gives an `ImageError` in its place, which `workers.iterate` raises: raised in
    a worker, it would be buried in a traceback.
    """

    root: str  # the folder that paths start from
    # (N,), NumPy's own: each worker would copy Python's strings as it counts references to them.
    paths: NDArray[Any]
    targets: NDArray[np.int64]  # (N,), 0 = real, 1 = fake
    fingerprint: str  # of the rows in their order, and of the face crops
    preprocessing: PreprocessingParams
    augmentation: AugmentationParams | None = None
    seed: int = 0  # of augmentation and forgeries
    squares: NDArray[Any] | None = None  # (N, 3 or 4): the face crops, as `squares_of` has them
    num_bytes: NDArray[np.int64] | None = None  # (N,), of what ingestion read; -1: not known
    sources: NDArray[np.int64] | None = None  # (N,), numbered; None: not looked at
    groups: NDArray[np.int64] | None = None  # (N,), numbered; None: not looked at
    videos: NDArray[np.int64] | None = None  # (N,), numbered; -1: of none; None: no image has one
    forgeries: Forgeries | None = None

    @classmethod
    def of(
        cls,
        manifest: pd.DataFrame,
        root: str,
        preprocessing: PreprocessingParams,
        face_table: pd.DataFrame | None = None,
        **settings: Any,
    ) -> "ImageDataset":
        """Take the rows of ``manifest``, which all have a target; ``settings`` are other fields.

        Raises:
            ManifestError: If faces are cut out (``face_table``, of ``FACE_COLUMNS``, has rows) and
                an image has none.
        """
        num_bytes = manifest.get("num_bytes")
        squares = None if face_table is None else squares_of(manifest, face_table)
        fingerprint = fingerprint_rows(manifest)
        if squares is not None:
            fingerprint = hashlib.sha256(fingerprint.encode() + squares.tobytes()).hexdigest()
        return cls(
            root=root,
            paths=_paths_of(manifest),
            targets=manifest["target"].to_numpy(dtype=np.int64),
            fingerprint=fingerprint,
            preprocessing=preprocessing,
            squares=squares,
            num_bytes=None if num_bytes is None else num_bytes.fillna(-1).to_numpy(np.int64),
            videos=_number_videos(manifest),
            **settings,
        )

    def __len__(self) -> int:
        """How many images the manifest has; forged copies come on top."""
        return len(self.targets)

    def __getitem__(self, key: int | Key) -> Any:
        with in_one_thread():
            try:
                return self._augmented(*key) if isinstance(key, tuple) else self._plain(key)
            except ImageError as error:
                return error

    def read(self, index: int, *, side: int | None = None) -> Tensor:
        """Return image ``index`` as it is on disk, or its face crop: uint8 ``(3, H, W)``.

        ``side`` is that of `read_rgb`; an image with a face crop is decoded in full.

        Raises:
            ImageError: With the path, if the file cannot be decoded, or is no longer the one that
                ingestion read. A file of the same size is taken for it.
        """
        path = Path(self.root) / str(self.paths[index])
        pixels = read_rgb(path, side=side if self.squares is None else None)
        self._check_size(path, index)
        if self.squares is not None:
            pixels = cut_square(pixels, Square.of_row(self.squares[index]))
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def _plain(self, index: int) -> tuple[Tensor, int]:
        image = self.read(index, side=decoding_side(self.preprocessing))
        return self._transform(image), int(self.targets[index])

    def _augmented(self, epoch: int, index: int, *repeat: int) -> tuple[Tensor, int]:
        row = index - len(self)
        if row < 0:
            image, target = self._read_for_training(index), int(self.targets[index])
        else:
            assert self.forgeries is not None
            again = repeat[0] if repeat else 0
            forged = self.forgeries.make(
                row, self._read_pixels, seed=self.seed, epoch=epoch, again=again
            )
            image, target = torch.from_numpy(forged).permute(2, 0, 1), FAKE
        with seeded_torch(self.seed, epoch, index, *repeat):
            return self._transform(image), target

    def _read_for_training(self, index: int) -> Tensor:
        assert self.augmentation is not None
        side = decoding_side(self.preprocessing, self.augmentation.crop_scale)
        return self.read(index, side=side)

    def _read_pixels(self, index: int) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = self._read_for_training(index).permute(1, 2, 0).numpy()
        return pixels

    @cached_property
    def _transform(self) -> PixelTransform:
        if self.augmentation is not None:
            return train_transform(self.preprocessing, self.augmentation)
        return eval_transform(self.preprocessing.image_size, self.preprocessing.interpolation)

    def _check_size(self, path: Path, index: int) -> None:
        known = -1 if self.num_bytes is None else int(self.num_bytes[index])
        if known < 0 or not path.exists():  # gone since it was read: what was read counts
            return
        if (found := path.stat().st_size) != known:
            raise ImageError(
                f"{path}: it has {found:,} bytes and had {known:,} when ingestion read it. Put the "
                "file back, or read all again: kedro run --pipelines ingestion,splitting"
            )


def _paths_of(manifest: pd.DataFrame) -> NDArray[Any]:
    """Return the paths as NumPy's texts, a part at a time: those of Python take twice as much."""
    paths = np.empty(len(manifest), dtype=np.dtypes.StringDType())
    for start in range(0, len(paths), ROWS_AT_ONCE):
        part = manifest["path"].iloc[start : start + ROWS_AT_ONCE]
        paths[start : start + ROWS_AT_ONCE] = part.to_numpy(dtype=object)
    return paths


def _number_videos(manifest: pd.DataFrame) -> NDArray[np.int64] | None:
    if "video" not in manifest or manifest["video"].isna().all():
        return None
    return pd.factorize(manifest["video"])[0].astype(np.int64)


def decoding_side(preprocessing: PreprocessingParams, smallest_crop: float = 1.0) -> int | None:
    """Return the side that an image needs so that no crop of it is enlarged; ``None``: its own."""
    if not preprocessing.scaled_decoding:
        return None
    return math.ceil(preprocessing.image_size / math.sqrt(smallest_crop))
