"""A pass over images by key, a batch at a time, with workers that outlive it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from face_forgery.data.loading.batches import share_of
from face_forgery.data.loading.keyed_images import READING_ERRORS, Key, KeyedImages, ReadingError
from face_forgery.data.loading.workers import load_in_workers

_PREFETCHED_BATCHES = 4  # of each worker; hides uneven decoding times


@dataclass(frozen=True, eq=False)
class EpochOfBatches:
    """One pass over ``keys`` with the workers of ``loader``.

    Raises ImageError, with the path, at an image that cannot be decoded, and CacheError where it
    cannot be kept.
    """

    loader: DataLoader[Any]
    keys: list[list[Key]] = field(repr=False)

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
            if isinstance(batch, READING_ERRORS):
                raise batch
            yield batch


def make_loader(images: KeyedImages, num_workers: int) -> DataLoader[Any]:
    """Return the loader of all passes over ``images``."""
    return load_in_workers(
        images,
        num_workers,
        collate=_stack,
        num_ahead=_PREFETCHED_BATCHES,
        is_persistent=True,
        batch_sampler=_KeySampler(),
    )


class _KeySampler:
    """Hands the loader the keys of the pass that is on; the loader and its workers live longer."""

    def __init__(self) -> None:
        self.keys: list[list[Key]] = []

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.keys)


def _stack(
    items: list[tuple[Tensor, int] | ReadingError],
) -> tuple[Tensor, Tensor] | ReadingError:
    images, targets = [], []
    for item in items:
        if isinstance(item, READING_ERRORS):
            return item
        images.append(item[0])
        targets.append(item[1])
    return torch.stack(images), torch.tensor(targets)
