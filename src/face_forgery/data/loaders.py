"""Batches of images whose order and augmentation follow from (seed, epoch, index) alone."""

import math
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from face_forgery.data.batches import share_of
from face_forgery.data.draws import mix, own_draws
from face_forgery.data.held_out import HeldOutFolds
from face_forgery.data.image_rows import ImageRows
from face_forgery.data.images import ImageError
from face_forgery.data.manifest import FAKE, REAL
from face_forgery.data.picture_cache import CacheError, KeptPictures
from face_forgery.data.transforms import (
    PixelTransform,
    eval_transform,
    split_train_transform,
)
from face_forgery.params import AugmentationParams, PreprocessingParams

_PREFETCHED_BATCHES = 4  # of each worker; hides uneven decoding times
# (epoch, position in the manifest) and, of an image that comes again within the epoch, how often it
# came before; epoch 0: nothing is random. Positions from the number of rows on are forged copies.
_Key = tuple[int, ...]
_ReadingError = ImageError | CacheError
_READING_ERRORS = (ImageError, CacheError)


class Forgeries(Protocol):
    """Makes forgeries of real images that are read; ``forging.in_training`` has them."""

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
class TrainBatches:
    """Shuffled, augmented batches of every epoch; picklable, and the same in any process.

    Neither the number of workers nor a restart changes what an epoch holds. A last, smaller batch
    is kept, as in the course; only one of a single image is left out (of that epoch: the order
    changes), because batch normalization cannot normalize over one.

    ``balanced`` epochs are as long as shuffled ones, less one image if that number is odd, and hold
    as many images of each class. Images of the rarer class come several times, each time changed
    in another way and all of them equally often up to one; of the other class every epoch has
    another part.

    With ``forgeries`` an epoch also has forged copies of some of its real images, other ones in
    every epoch and as many in each. A copy is an image of its own with target 1, which goes through
    the same transform as all others and is augmented in its own way.

    Args:
        rows: What to read.
        preprocessing: The size that images are brought to.
        augmentation: What is changed at random.
        batch_size: Images of a batch; at most those of an epoch.
        seed: Of order, augmentation and forgeries.
        num_workers: Processes that decode; 0: this one.
        sampling: Whether an epoch is the whole set or as many images of each class.
        forgeries: ``None``: none are made.
    """

    rows: ImageRows
    preprocessing: PreprocessingParams
    augmentation: AugmentationParams
    batch_size: int
    seed: int
    num_workers: int
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    forgeries: Forgeries | None = None
    _kept: KeptPictures | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        num_forged = 0 if self.forgeries is None else self.forgeries.num_per_epoch
        num_images = len(self.rows) + num_forged
        if self.batch_size > num_images:
            raise ValueError(
                f"training.batch_size={self.batch_size} is larger than the training set "
                f"({num_images} images); lower it to {num_images} or less"
            )
        classes = {*np.unique(self.rows.targets).tolist(), *([FAKE] if num_forged else [])}
        if self.sampling == "balanced" and len(classes) < 2:
            raise ValueError(
                f"training.sampling=balanced needs both classes, but all {len(self.rows)} training "
                "images are of one; set training.sampling=shuffled"
            )
        kept = _keep("train", self.rows, self.preprocessing, self.augmentation.crop_scale)
        object.__setattr__(self, "_kept", kept)

    def epoch(self, number: int) -> "EpochOfBatches":
        """Return the batches of epoch ``number``, counted from 1.

        Epochs share their workers: finish or drop one before the next is begun.
        """
        return EpochOfBatches(self._loader, keys=self._keys(number))

    def _keys(self, epoch: int) -> list[list[_Key]]:
        generator = torch.Generator().manual_seed(mix(self.seed, epoch))
        images = [*range(len(self.rows)), *self._choose_forged(generator)]
        order = torch.randperm(len(images), generator=generator).tolist()
        keys: list[_Key] = [(epoch, images[place]) for place in order]
        if self.sampling == "balanced":
            keys = self._balance(keys, generator)
        batches = [
            keys[start : start + self.batch_size] for start in range(0, len(keys), self.batch_size)
        ]
        if len(batches[-1]) == 1 and self.batch_size > 1:
            batches.pop()
        return batches

    def _choose_forged(self, generator: torch.Generator) -> list[int]:
        """Draw whose forged copies an epoch has; their positions follow those of the rows."""
        if self.forgeries is None:
            return []
        rows = torch.tensor(self.forgeries.rows)  # a copy: on a cluster it is read-only
        chosen = torch.randperm(len(rows), generator=generator)[: self.forgeries.num_per_epoch]
        forged: list[int] = (len(self.rows) + rows[chosen]).tolist()
        return forged

    def _target(self, index: int) -> int:
        return int(self.rows.targets[index]) if index < len(self.rows) else FAKE

    def _balance(self, keys: list[_Key], generator: torch.Generator) -> list[_Key]:
        """Draw as many of each class from ``keys``, whose order is random, in a new order."""
        drawn: list[_Key] = []
        for target in (REAL, FAKE):
            own = [key for key in keys if self._target(key[1]) == target]
            for position in range(len(keys) // 2):
                num_before, place = divmod(position, len(own))
                drawn.append((*own[place], num_before) if num_before else own[place])
        return [drawn[i] for i in torch.randperm(len(drawn), generator=generator).tolist()]

    @cached_property
    def _loader(self) -> DataLoader[Any]:
        resize, change = split_train_transform(self.preprocessing, self.augmentation)
        side = decoding_side(self.preprocessing, smallest_crop=self.augmentation.crop_scale)
        images = _Images(self.rows, side, resize, self._kept, change, self.seed, self.forgeries)
        if self.forgeries is not None:
            _stop_threads_of_opencv()
        return _make_loader(images, self.num_workers)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_loader"}


@dataclass(frozen=True, eq=False)
class EvalBatches:
    """Every image once, in the order of the manifest, resized and otherwise unchanged.

    Args:
        rows: What to read.
        preprocessing: The size that images are brought to.
        batch_size: Images of a batch; does not change a score.
        num_workers: Processes that decode; 0: this one.
        held_out: The part that training has nothing of; ``None``: there is none.
    """

    rows: ImageRows
    preprocessing: PreprocessingParams
    batch_size: int
    num_workers: int
    held_out: HeldOutFolds | None = None
    _kept: KeptPictures | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept", _keep("val", self.rows, self.preprocessing))

    @property
    def num_images(self) -> int:
        """All images of the set."""
        return len(self.rows)

    @property
    def targets(self) -> NDArray[np.int64]:
        """``(N,)``, 0 = real, 1 = fake, in the order of the batches."""
        return self.rows.targets

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(EpochOfBatches(self._loader, self._keys))

    def share(self, rank: int, num_ranks: int) -> "EpochOfBatches":
        """Return the batches that fall to one of several processes, whole ones in their order."""
        keys = self._keys
        return EpochOfBatches(
            self._loader, [keys[place] for place in share_of(len(keys), rank, num_ranks)]
        )

    @property
    def _keys(self) -> list[list[_Key]]:
        return [
            [(0, index) for index in range(start, min(start + self.batch_size, len(self.rows)))]
            for start in range(0, len(self.rows), self.batch_size)
        ]

    @cached_property
    def _loader(self) -> DataLoader[Any]:
        resize = eval_transform(self.preprocessing.image_size, self.preprocessing.interpolation)
        images = _Images(self.rows, decoding_side(self.preprocessing), resize, self._kept)
        return _make_loader(images, self.num_workers)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_loader"}


@dataclass(frozen=True, eq=False)
class EpochOfBatches:
    """One pass over ``keys`` with the workers of ``loader``.

    Raises ImageError, with the path, at an image that cannot be decoded, and CacheError where it
    cannot be kept.
    """

    loader: DataLoader[Any]
    keys: list[list[_Key]] = field(repr=False)

    @property
    def sizes(self) -> list[int]:
        """How many images each batch holds."""
        return [len(batch) for batch in self.keys]

    @property
    def num_images(self) -> int:
        """How many images the pass yields in all."""
        return sum(self.sizes)

    def after(self, num_batches: int) -> "EpochOfBatches":
        """Return the pass without its first batches, of which no image is opened."""
        return EpochOfBatches(self.loader, self.keys[num_batches:])

    def share(self, rank: int, num_ranks: int, *, num_before: int = 0) -> "EpochOfBatches":
        """Return the pass with the part of each batch that falls to one of several processes.

        Where a batch has fewer images than there are ranks, some get its first one, which must
        count for nothing there: a rank that has nothing to do would hold up the others.

        Args:
            rank: From 0.
            num_ranks: How many take part.
            num_before: Images that go before each part: those before it in the batch, whose last
                image is before its first one.
        """
        parts = []
        for batch in self.keys:
            own = share_of(len(batch), rank, num_ranks) or range(1)
            parts.append([batch[i] for i in range(own.start - num_before, own.stop)])
        return EpochOfBatches(self.loader, parts)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        assert isinstance(self.loader.batch_sampler, _KeySampler)
        self.loader.batch_sampler.keys = self.keys
        for batch in self.loader:
            if isinstance(batch, _READING_ERRORS):
                raise batch
            yield batch


class _KeySampler:
    """Hands the loader the keys of the pass that is on; the loader and its workers live longer."""

    def __init__(self) -> None:
        self.keys: list[list[_Key]] = []

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[list[_Key]]:
        return iter(self.keys)


@dataclass(frozen=True, eq=False)
class _Images:
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

    def __getitem__(self, key: _Key) -> tuple[Tensor, int] | _ReadingError:
        try:
            image, target = self._read(*key)
        except _READING_ERRORS as error:
            return error  # raised by EpochOfBatches: a worker would bury it in its own traceback
        if self.change is None:
            return image, target
        with own_draws(self.seed, *key):
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


def _keep(
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


def _stack(
    items: list[tuple[Tensor, int] | _ReadingError],
) -> tuple[Tensor, Tensor] | _ReadingError:
    images, targets = [], []
    for item in items:
        if isinstance(item, _READING_ERRORS):
            return item
        images.append(item[0])
        targets.append(item[1])
    return torch.stack(images), torch.tensor(targets)


def _make_loader(images: _Images, num_workers: int) -> DataLoader[Any]:
    with_workers: dict[str, Any] = {
        "persistent_workers": True,
        "prefetch_factor": _PREFETCHED_BATCHES,
        "worker_init_fn": prepare_worker,
    }
    sampler: Any = _KeySampler()
    dataset: Any = images
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        num_workers=num_workers,
        collate_fn=_stack,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # the loader draws too; from here, not from the global one
        **(with_workers if num_workers else {}),
    )


def prepare_worker(worker: int) -> None:
    """Leave signals to the main process, which stops its workers, and take one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    if multiprocessing.get_start_method() != "fork":  # a fork has it from its parent
        _stop_threads_of_opencv()


def _stop_threads_of_opencv() -> None:
    """Have OpenCV, if it was imported, work in one thread.

    Its threads do not follow into a forked process, where stopping them waits for ever: so that
    has to be done before.
    """
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
