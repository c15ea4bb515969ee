"""What a loader hands over. Free of torch, so that nodes can name it in their signatures."""

from collections.abc import Iterator
from typing import Any, Protocol


class Batches(Protocol):
    """One pass over a set, a batch at a time.

    Each item is ``(images, targets)``: uint8 tensors ``(B, 3, S, S)`` and int64 tensors ``(B,)``
    with 0 = real and 1 = fake.
    """

    @property
    def sizes(self) -> list[int]:
        """How many images each batch holds."""

    @property
    def num_images(self) -> int:
        """How many images the pass yields in all."""

    def after(self, num_batches: int) -> "Batches":
        """Return the pass without its first batches, of which no image is opened."""

    def share(self, rank: int, num_ranks: int, *, num_before: int = 0) -> "Batches":
        """Return what of each batch falls to one of several processes; see `share_of`.

        ``num_before`` images go before each part, those before it in the batch.
        """

    def __len__(self) -> int:
        """How many batches the pass yields."""

    def __iter__(self) -> Iterator[tuple[Any, Any]]: ...


class BatchesByEpoch(Protocol):
    """Training batches: what an epoch holds follows from its number."""

    def epoch(self, number: int) -> Batches:
        """Return the batches of epoch ``number``, counted from 1."""


def share_of(num_items: int, rank: int, num_ranks: int) -> range:
    """Return the places that fall to one of several processes: neighbors, in their order.

    The shares of all ranks, one after the other, are the whole; they differ by one at most.

    Args:
        num_items: How many there are to deal out, be it fewer than ranks.
        rank: From 0.
        num_ranks: How many take part.

    Example:
        >>> [list(share_of(5, rank, 2)) for rank in range(2)]
        [[0, 1], [2, 3, 4]]
    """
    return range(num_items * rank // num_ranks, num_items * (rank + 1) // num_ranks)
