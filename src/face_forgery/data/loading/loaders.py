"""torch's loaders over images: of training, and of sets that are scored."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.loading.epoch_sampler import EpochSampler
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.workers import load_in_workers, stop_threads_of_opencv
from face_forgery.params import TrainingParams

_PREFETCHED_BATCHES = 4  # of each worker; hides uneven decoding times


def train_loader(
    dataset: ImageDataset, params: TrainingParams, *, rank: int = 0, world_size: int = 1
) -> DataLoader[Any]:
    """Return the loader of training; ``loader.sampler.set_epoch`` chooses what a pass yields.

    Its batches are ``(uint8 (B, 3, S, S), int64 (B,))``, the same with any number of workers, which
    outlive an epoch. Of several ranks each has its slice of every batch; see `EpochSampler`.
    """
    sampler = EpochSampler(dataset, params, rank=rank, world_size=world_size)
    if dataset.forgeries is not None:
        stop_threads_of_opencv()
    return _make_loader(dataset, sampler, sampler.batch_size, params.num_workers)


def eval_loader(
    dataset: ImageDataset,
    *,
    batch_size: int,
    num_workers: int,
    rank: int = 0,
    world_size: int = 1,
) -> DataLoader[Any]:
    """Return the loader of a set that is scored: every image once, in the order of the manifest.

    Of several ranks each has a contiguous part; the parts, one after the other, are the set.
    """
    first, end = (len(dataset) * number // world_size for number in (rank, rank + 1))
    return _make_loader(dataset, range(first, end), batch_size, num_workers)


def key_loader(loader: DataLoader[Any], keys: Sequence[Any]) -> DataLoader[Any]:
    """Return a loader like ``loader`` of one pass over ``keys`` of its images, in their order."""
    dataset: Any = loader.dataset
    return _make_loader(dataset, keys, loader.batch_size or 1, loader.num_workers)


def _make_loader(
    dataset: ImageDataset, sampler: Any, batch_size: int, num_workers: int
) -> DataLoader[Any]:
    return load_in_workers(
        dataset,
        num_workers,
        collate=_stack,
        num_ahead=_PREFETCHED_BATCHES,
        is_persistent=True,
        batch_size=batch_size,
        sampler=sampler,
    )


def _stack(items: list[tuple[Tensor, int] | ImageError]) -> tuple[Tensor, Tensor] | ImageError:
    images, targets = [], []
    for item in items:
        if isinstance(item, ImageError):
            return item
        images.append(item[0])
        targets.append(item[1])
    return torch.stack(images), torch.tensor(targets)
