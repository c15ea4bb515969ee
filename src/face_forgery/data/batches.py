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

    def __len__(self) -> int:
        """How many batches the pass yields."""

    def __iter__(self) -> Iterator[tuple[Any, Any]]: ...


class BatchesByEpoch(Protocol):
    """Training batches: what an epoch holds follows from its number."""

    def epoch(self, number: int) -> Batches:
        """Return the batches of epoch ``number``, counted from 1."""
