"""Which images an epoch shows, and in which order: it follows from (seed, epoch) alone."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

from face_forgery.data.labels.manifest import FAKE
from face_forgery.data.loading.image_dataset import ImageDataset, Key
from face_forgery.data.loading.pairing import draw_paired
from face_forgery.data.loading.rng import mix_seed
from face_forgery.params import TrainingParams

_CHUNK = 65_536  # keys made at once


class EpochSampler(Sampler[Key]):
    """The keys of an epoch for `ImageDataset`, in a new order every epoch.

    A last batch of a single image is left out (of that epoch: the order changes), because batch
    normalization cannot normalize over one.

    ``balanced`` epochs are as long as shuffled ones, less one image if that number is odd, and hold
    as many images of each class: of the rarer class equally often up to one, of the other another
    part in every epoch. With forgeries an epoch also has forged copies of some of its real images,
    other ones in every epoch and as many in each.

    In ``paired`` epochs a real image and a forgery of its group stand in one batch (`pairing`), and
    a forged copy beside its image; else they are shuffled ones.

    Of ``world_size`` processes each has every ``world_size``-th image, so that their batches
    together, of ``params.batch_size``, are those of a single process. What is left (fewer than
    ``world_size``) is not shown in that epoch.

    Raises:
        ValueError: If the batch is larger than the set, or a class is missing that is balanced.
    """

    def __init__(
        self, dataset: ImageDataset, params: TrainingParams, *, rank: int = 0, world_size: int = 1
    ) -> None:
        self.dataset = dataset
        self.params = params
        self.rank = rank
        self.world_size = world_size
        self.batch_size = params.batch_size // world_size
        self._epoch = 1
        self._start = 0
        _check(dataset, self._num_drawn, params)

    @property
    def num_images(self) -> int:
        """How many images this rank is shown in an epoch, the same in every one."""
        total = self._num_drawn
        if self.params.sampling == "balanced":
            total -= total % 2
        own = total // self.world_size
        has_single = own % self.batch_size == 1 and self.batch_size > 1
        return own - 1 if has_single else own

    def set_epoch(self, epoch: int, num_batches: int = 0) -> None:
        """Choose what the next pass yields: ``epoch``, from 1, without its first batches."""
        self._epoch = epoch
        self._start = num_batches * self.batch_size

    def __len__(self) -> int:
        """How many images the next pass yields."""
        return self.num_images - self._start

    def __iter__(self) -> Iterator[Key]:
        epoch, order = self._epoch, self.order(self._epoch)
        for start in range(self._start, len(order), _CHUNK):
            repeats, indices = np.divmod(order[start : start + _CHUNK], 2 * len(self.dataset))
            for index, repeat in zip(indices.tolist(), repeats.tolist(), strict=True):
                yield (epoch, index, repeat) if repeat else (epoch, index)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the order of an epoch, ``(num_images,)``.

        An image that came ``n`` times before in the epoch is ``index + n * 2 * len(dataset)``.
        """
        generator = torch.Generator().manual_seed(mix_seed(self.params.seed, epoch))
        forged, num_rows = self._choose_forged(generator), len(self.dataset)
        order: NDArray[np.int64] = torch.randperm(self._num_drawn, generator=generator).numpy()
        if len(forged):
            order = np.concatenate([np.arange(num_rows), forged])[order]
        if self.params.sampling == "balanced" or self.dataset.sources is not None:
            order = self._balance(order, generator)
        if self.dataset.groups is not None:
            rows, is_forged = order % num_rows, order % (2 * num_rows) >= num_rows
            targets = np.where(is_forged, FAKE, self.dataset.targets[rows])
            order = draw_paired(order, targets, rows, self.dataset.groups[rows], generator)
        shown = self.num_images * self.world_size
        return order[self.rank : shown : self.world_size]

    @property
    def _num_drawn(self) -> int:
        forgeries = self.dataset.forgeries
        return len(self.dataset) + (0 if forgeries is None else forgeries.num_per_epoch)

    def _choose_forged(self, generator: torch.Generator) -> NDArray[np.int64]:
        """Draw whose forged copies an epoch has; their indices follow those of the images."""
        forgeries = self.dataset.forgeries
        if forgeries is None:
            return np.empty(0, dtype=np.int64)
        chosen = torch.randperm(len(forgeries.rows), generator=generator).numpy()
        forged: NDArray[np.int64] = forgeries.rows[chosen[: forgeries.num_per_epoch]]
        return len(self.dataset) + forged

    def _balance(self, order: NDArray[np.int64], generator: torch.Generator) -> NDArray[np.int64]:
        """Draw an epoch from ``order``, ``(N,)`` different indices at random, in a new order.

        Half of it goes to each class where classes are balanced (one fewer if ``N`` is odd);
        ``source_balance`` says how evenly the sources of a class divide its part (`apportion`).
        Within a source images come equally often up to one.
        """
        num_rows, by_class = len(self.dataset), self.params.sampling == "balanced"
        rows = order % num_rows if self._num_drawn > num_rows else order
        targets = self.dataset.targets.astype(np.int8)[rows]
        targets[order >= num_rows] = FAKE
        sources = np.broadcast_to(np.int64(0), len(order))
        if self.dataset.sources is not None:
            sources = self.dataset.sources[rows]
        whole = np.empty(len(order) - (len(order) % 2 if by_class else 0), dtype=np.int64)
        left = whole
        for target in np.unique(targets):
            of_class = targets == target
            groups = [order[of_class & (sources == one)] for one in np.unique(sources[of_class])]
            num_images = len(order) // 2 if by_class else int(of_class.sum())
            sizes = [len(group) for group in groups]
            counts = apportion(num_images, sizes, self.params.source_balance)
            # Each is given back when it is used: of a hundred million rows it is large.
            while groups:
                left = _fill(left, groups.pop(0), counts.pop(0), 2 * num_rows)
        shuffled: NDArray[np.int64] = whole[torch.randperm(len(whole), generator=generator).numpy()]
        return shuffled


def _check(dataset: ImageDataset, num_images: int, params: TrainingParams) -> None:
    if params.batch_size > num_images:
        raise ValueError(
            f"training.batch_size={params.batch_size} is larger than the training set "
            f"({num_images} images); lower it to {num_images} or less"
        )
    classes = {*np.unique(dataset.targets).tolist(), *([FAKE] if dataset.forgeries else [])}
    if params.sampling == "balanced" and len(classes) < 2:
        raise ValueError(
            f"training.sampling=balanced needs both classes, but all {len(dataset)} training "
            "images are of one; set training.sampling=shuffled"
        )


def _fill(
    left: NDArray[np.int64], group: NDArray[np.int64], count: int, repeat: int
) -> NDArray[np.int64]:
    """Begin ``left`` with ``count`` indices of ``group``, again and again; return what follows."""
    for start in range(0, count, len(group)):
        part = left[start : min(start + len(group), count)]
        np.add(group[: len(part)], start // len(group) * repeat, out=part)
    return left[count:]


def apportion(num_images: int, sizes: Sequence[int], balance: float) -> list[int]:
    """Divide ``num_images`` among groups in proportion to ``size ** (1 - balance)``.

    What is left of whole numbers goes to the largest remainders (Hamilton's method), the earlier
    group first.

    Example:
        >>> apportion(100, [900, 100], 0.0), apportion(100, [900, 100], 0.5)
        ([90, 10], [75, 25])
        >>> apportion(100, [900, 100], 1.0)
        [50, 50]
    """
    weights: NDArray[np.float64] = np.asarray(sizes, dtype=np.float64) ** (1.0 - balance)
    exact = num_images * weights / weights.sum()
    whole = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: num_images - int(whole.sum())]] += 1
    counts: list[int] = whole.tolist()
    return counts
