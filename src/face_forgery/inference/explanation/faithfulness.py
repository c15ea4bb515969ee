"""Whether a heat map shows what the network uses: deletion and insertion curves.

Source: Petsiuk et al. 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face_forgery.inference.explanation.attribution import blur_away
from face_forgery.modeling.forward_path import measure_margins

_COARSE = 8  # cells a side of a random map: as smooth as a real one


class Curves(NamedTuple):
    """Margins while more and more of a picture is hidden, or shown, hottest places first."""

    deletion: NDArray[np.float64]  # (T,), from the picture to nothing of it
    insertion: NDArray[np.float64]  # (T,), from nothing of the picture to all of it

    @property
    def gap(self) -> float:
        """Mean of insertion less mean of deletion, in logits; high: the map is faithful."""
        return float(self.insertion.mean() - self.deletion.mean())


def trace_curves(
    network: nn.Module, image: Tensor, heat: NDArray[np.floating], *, steps: int = 16
) -> Curves:
    """Hide and show parts of ``image``, uint8 ``(3, S, S)``, in the order of ``heat``, ``(S, S)``.

    Args:
        network: As ``heat_map``.
        image: What was explained.
        heat: Its map; high = speaks for a forgery.
        steps: T less 1.
    """
    hidden = blur_away(image)
    order = np.argsort(-heat.ravel(), kind="stable")
    rank = torch.from_numpy(np.argsort(order, kind="stable")).reshape(heat.shape)
    tops = [rank < share * heat.size for share in np.linspace(0, 1, steps + 1)]
    device = next(network.parameters()).device
    deleted = torch.stack([torch.where(top, hidden, image) for top in tops])
    inserted = torch.stack([torch.where(top, image, hidden) for top in tops])
    return Curves(
        measure_margins(network, deleted, device), measure_margins(network, inserted, device)
    )


def random_map(side: int, seed: int) -> NDArray[np.float32]:
    """Return a map that knows nothing, ``(side, side)``, smooth as a real one."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((1, 1, _COARSE, _COARSE)))
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    return np.asarray(smooth[0, 0].numpy(), dtype=np.float32)
