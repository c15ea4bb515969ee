"""Images by key: what is read, forged and drawn follows from (seed, epoch, index) alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.labels.manifest import FAKE
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.picture_cache import CacheError, KeptPictures
from face_forgery.data.loading.rng import seeded_torch
from face_forgery.data.loading.transforms import PixelTransform
from face_forgery.data.loading.workers import in_one_thread
from face_forgery.params import PreprocessingParams

# (epoch, position in the manifest) and, of an image that comes again within the epoch, how often it
# came before; epoch 0: nothing is random. Positions from the number of rows on are forged copies.
Key = tuple[int, ...]
ReadingError = ImageError | CacheError
READING_ERRORS = (ImageError, CacheError)


class Forgeries(Protocol):
    """Makes forgeries of real images that are read; ``forgery.making.on_the_fly`` has them."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """``(M,)``: positions of the images that can be forged, ascending; all of them real."""

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
        """Return a forgery ``(H, W, 3)`` of the image at ``row``.

        ``read`` opens the image at a position; ``again`` counts forgeries of ``row`` in an epoch.
        """


@dataclass(frozen=True, eq=False)
class KeyedImages:
    """A map from keys to ``(image, target)``.

    Args:
        rows: What to read.
        side: What an image is decoded to at least; ``None``: in full.
        resize: What is the same in every epoch; ``None``: nothing is.
        kept: Where images are found, and put, as they are then.
        change: What is drawn for each key.
        seed: Of the draws, and of forgeries.
        forgeries: Makes the images at positions that follow those of the rows.
    """

    rows: ImageRows
    side: int | None
    resize: PixelTransform | None
    kept: KeptPictures | None
    change: PixelTransform | None = None
    seed: int = 0
    forgeries: Forgeries | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> tuple[Tensor, int] | ReadingError:
        with in_one_thread():
            return self._make(key)

    def _make(self, key: Key) -> tuple[Tensor, int] | ReadingError:
        try:
            image, target = self._read(*key)
        except READING_ERRORS as error:
            return error  # raised by EpochOfBatches: a worker would bury it in its own traceback
        if self.change is None:
            return image, target
        with seeded_torch(self.seed, *key):
            return self.change(image), target

    def _read(self, epoch: int, index: int, again: int = 0) -> tuple[Tensor, int]:
        row = index - len(self.rows)
        if row < 0:
            return self._find(index), int(self.rows.targets[index])
        assert self.forgeries is not None
        forged = self.forgeries.make(
            row, self._read_pixels, seed=self.seed, epoch=epoch, again=again
        )
        return self._resize(torch.from_numpy(forged).permute(2, 0, 1)), FAKE

    def _read_pixels(self, index: int) -> NDArray[np.uint8]:
        """Return what a forgery is made of: the image before it is resized."""
        is_kept = self.resize is None
        image = self._find(index) if is_kept else self.rows.read(index, side=self.side)
        pixels: NDArray[np.uint8] = image.permute(1, 2, 0).numpy()
        return pixels

    def _find(self, index: int) -> Tensor:
        if self.kept is None:
            return self._prepare(index)
        return self.kept.read(index, self.rows.path_of(index), partial(self._prepare, index))

    def _prepare(self, index: int) -> Tensor:
        return self._resize(self.rows.read(index, side=self.side))

    def _resize(self, image: Tensor) -> Tensor:
        return image if self.resize is None else self.resize(image)


def keep_pictures(
    name: str, rows: ImageRows, preprocessing: PreprocessingParams, smallest_crop: float = 1.0
) -> KeptPictures | None:
    """Return where the images of ``rows`` are kept: resized, unless crops are drawn from them."""
    if rows.cache is None:
        return None
    side = decoding_side(preprocessing, smallest_crop)
    return rows.cache.keep(name, preprocessing, side=side, is_resized=smallest_crop == 1.0)


def decoding_side(preprocessing: PreprocessingParams, smallest_crop: float = 1.0) -> int | None:
    """Return the side that an image needs so that no crop of it is enlarged; ``None``: its own."""
    if not preprocessing.scaled_decoding:
        return None
    return math.ceil(preprocessing.image_size / math.sqrt(smallest_crop))
