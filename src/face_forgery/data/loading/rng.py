"""Random generators that follow from numbers such as (seed, epoch, index), in any process."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded_torch(*numbers: int) -> Iterator[None]:
    """Seed torch's CPU generator by ``numbers`` inside, and leave it outside as it was.

    ``torch.manual_seed`` would also queue a seed for every GPU, image by image: slow.
    """
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(mix_seed(*numbers))
    try:
        yield
    finally:
        torch.set_rng_state(before)


def mix_seed(*numbers: int) -> int:
    """Return 63 bits in which any change of ``numbers`` changes about half."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
