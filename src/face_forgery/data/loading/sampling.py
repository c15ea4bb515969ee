"""How often an epoch shows the images of a class and of a source."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from face_forgery.data.loading.keyed_images import Key


def share_out(num_images: int, sizes: Sequence[int], balance: float) -> list[int]:
    """Divide ``num_images`` among groups in proportion to ``size ** (1 - balance)``.

    Args:
        num_images: Images to show.
        sizes: Of the groups, each at least 1.
        balance: 0: as large as they are; 1: all alike.

    Returns:
        Images of each group. They add up to ``num_images``; what is left of whole numbers goes to
        the largest remainders (Hamilton's method), the earlier group first.

    Example:
        >>> share_out(100, [900, 100], 0.0), share_out(100, [900, 100], 0.5)
        ([90, 10], [75, 25])
        >>> share_out(100, [900, 100], 1.0)
        [50, 50]
    """
    weights: NDArray[np.float64] = np.asarray(sizes, dtype=np.float64) ** (1.0 - balance)
    exact = num_images * weights / weights.sum()
    whole = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: num_images - int(whole.sum())]] += 1
    shares: list[int] = whole.tolist()
    return shares


def draw_balanced(
    keys: Sequence[Key],
    targets: Sequence[int],
    sources: Sequence[int],
    *,
    by_class: bool,
    source_balance: float,
    generator: torch.Generator,
) -> list[Key]:
    """Draw the keys of an epoch from ``keys``, whose order is random, in a new order.

    Within a group, images come equally often up to one; each time that an image comes again its key
    says how often it came before.

    Args:
        keys: ``(epoch, image)``, all different.
        targets: Of each key, 0 or 1.
        sources: Of each key, a number.
        by_class: Whether half of the epoch goes to each class; otherwise classes keep their sizes.
        source_balance: 0 to 1: how evenly the sources of a class share its part (`share_out`).
        generator: Where the new order comes from.

    Returns:
        As many keys as there were, less one if classes are balanced and the number is odd.
    """
    groups: dict[int, dict[int, list[Key]]] = {}
    for key, target, source in zip(keys, targets, sources, strict=True):
        groups.setdefault(target, {}).setdefault(source, []).append(key)
    drawn: list[Key] = []
    for target in sorted(groups):
        of_class = [groups[target][source] for source in sorted(groups[target])]
        sizes = [len(own) for own in of_class]
        num_images = len(keys) // 2 if by_class else sum(sizes)
        shares = share_out(num_images, sizes, source_balance)
        for own, share in zip(of_class, shares, strict=True):
            for position in range(share):
                num_before, place = divmod(position, len(own))
                drawn.append((*own[place], num_before) if num_before else own[place])
    return [drawn[place] for place in torch.randperm(len(drawn), generator=generator).tolist()]
