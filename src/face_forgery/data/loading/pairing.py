"""Epochs whose batches hold an image beside one of the other class that was made from the same."""

import numpy as np
import torch
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def draw_paired(
    order: Integers,
    targets: Integers,
    rows: Integers,
    groups: Integers,
    generator: torch.Generator,
) -> Integers:
    """Return ``order``, ``(N,)`` at random, so that two that belong together follow one another.

    A pair has both classes: a forged copy and the image at its row, then images of one group. What
    finds no partner stands in twos, too, so that no batch of an even size divides a pair; of an odd
    ``N`` the last one is alone. ``targets``, ``rows`` and ``groups`` are those of each element.

    Source of the idea: Hsu et al. 2020, Deep Fake Image Detection Based on Pairwise Learning.
    """
    found, positions = [], np.arange(len(order))
    for keys in (rows, groups):
        pairs, rest = _pair_up(targets[positions], keys[positions])
        found.append(positions[pairs])
        positions = positions[rest]
    positions = positions[torch.randperm(len(positions), generator=generator).numpy()]
    single = positions[len(positions) - len(positions) % 2 :]
    twos = np.concatenate([*found, positions[: len(positions) - len(single)].reshape(-1, 2)])
    twos = twos[torch.randperm(len(twos), generator=generator).numpy()]
    is_turned = torch.rand(len(twos), generator=generator).numpy() < 0.5
    twos[is_turned] = twos[is_turned, ::-1]
    drawn: Integers = order[np.concatenate([twos.ravel(), single])]
    return drawn


def _pair_up(targets: Integers, keys: Integers) -> tuple[Integers, Integers]:
    """Pair positions of one key and different targets, the first with the first, and so on.

    Returns:
        ``(P, 2)``, and the positions that are left, ascending.
    """
    by_class = np.lexsort((targets, keys))  # stable: what comes first stays first
    begins = np.ones(len(keys), dtype=bool)
    begins[1:] = (np.diff(keys[by_class]) != 0) | (np.diff(targets[by_class]) != 0)
    starts = np.flatnonzero(begins)
    rank = np.empty(len(keys), dtype=np.int64)  # of each within its key and class
    rank[by_class] = np.arange(len(keys)) - np.repeat(starts, np.diff(starts, append=len(keys)))
    side_by_side = np.lexsort((targets, rank, keys))
    is_pair = (np.diff(keys[side_by_side]) == 0) & (np.diff(rank[side_by_side]) == 0)
    first = np.flatnonzero(is_pair)
    pairs = np.stack([side_by_side[first], side_by_side[first + 1]], axis=1)
    rest: Integers = np.setdiff1d(np.arange(len(keys)), pairs, assume_unique=True)
    return pairs, rest
