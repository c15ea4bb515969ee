"""Batches of images whose order and augmentation follow from (seed, epoch, index) alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from face_forgery.data.labels.manifest import FAKE
from face_forgery.data.loading.batches import share_of
from face_forgery.data.loading.epochs import EpochOfBatches, make_loader
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.keyed_images import (
    Forgeries,
    Key,
    KeyedImages,
    decoding_side,
    keep_pictures,
)
from face_forgery.data.loading.picture_cache import KeptPictures
from face_forgery.data.loading.rng import mix_seed
from face_forgery.data.loading.sampling import draw_balanced
from face_forgery.data.loading.transforms import eval_transform, split_train_transform
from face_forgery.data.loading.workers import stop_threads_of_opencv
from face_forgery.data.splits.holdout import HeldOut
from face_forgery.params import AugmentationParams, PreprocessingParams


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
        sources: ``(N,)`` numbers, where each image is from; a forged copy is from where its picture
            is. ``None``: sources are not looked at.
        source_balance: 0 to 1, how evenly the sources of a class share its images of an epoch
            (`sampling.share_out`).
    """

    rows: ImageRows
    preprocessing: PreprocessingParams
    augmentation: AugmentationParams
    batch_size: int
    seed: int
    num_workers: int
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    forgeries: Forgeries | None = None
    sources: NDArray[np.int64] | None = None
    source_balance: float = 0.0
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
        kept = keep_pictures("train", self.rows, self.preprocessing, self.augmentation.crop_scale)
        object.__setattr__(self, "_kept", kept)

    def epoch(self, number: int) -> "EpochOfBatches":
        """Return the batches of epoch ``number``, counted from 1.

        Epochs share their workers: finish or drop one before the next is begun.
        """
        return EpochOfBatches(self._loader, keys=self._keys(number))

    def _keys(self, epoch: int) -> list[list[Key]]:
        generator = torch.Generator().manual_seed(mix_seed(self.seed, epoch))
        images = [*range(len(self.rows)), *self._choose_forged(generator)]
        order = torch.randperm(len(images), generator=generator).tolist()
        keys: list[Key] = [(epoch, images[place]) for place in order]
        if self.sampling == "balanced" or self.sources is not None:
            keys = draw_balanced(
                keys,
                [self._target(index) for _, index in keys],
                [self._source(index) for _, index in keys],
                by_class=self.sampling == "balanced",
                source_balance=self.source_balance,
                generator=generator,
            )
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

    def _source(self, index: int) -> int:
        return 0 if self.sources is None else int(self.sources[index % len(self.rows)])

    @cached_property
    def _loader(self) -> DataLoader[Any]:
        resize, change = split_train_transform(self.preprocessing, self.augmentation)
        side = decoding_side(self.preprocessing, smallest_crop=self.augmentation.crop_scale)
        images = KeyedImages(self.rows, side, resize, self._kept, change, self.seed, self.forgeries)
        if self.forgeries is not None:
            stop_threads_of_opencv()
        return make_loader(images, self.num_workers)

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
    held_out: HeldOut | None = None
    _kept: KeptPictures | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept", keep_pictures("val", self.rows, self.preprocessing))

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
    def _keys(self) -> list[list[Key]]:
        return [
            [(0, index) for index in range(start, min(start + self.batch_size, len(self.rows)))]
            for start in range(0, len(self.rows), self.batch_size)
        ]

    @cached_property
    def _loader(self) -> DataLoader[Any]:
        resize = eval_transform(self.preprocessing.image_size, self.preprocessing.interpolation)
        images = KeyedImages(self.rows, decoding_side(self.preprocessing), resize, self._kept)
        return make_loader(images, self.num_workers)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_loader"}
