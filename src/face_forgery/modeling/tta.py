"""Views of a picture: a score can be the mean over several of them.

They are made by the network from the pixels it is given, so that whoever scores gives pixels as
always. No two of them show the same, whatever the size of the picture.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_forgery.params import ViewName

_CLOSER = 0.875  # share of each side that the closer views keep


def show(images: Tensor, view: ViewName) -> Tensor:
    """Return what a view shows of images.

    Args:
        images: uint8 or float ``(B, 3, S, S)``, 0 to 255.
        view: ``whole``: the images themselves; ``flipped``: left and right exchanged; ``closer``:
            the middle 7/8 of both sides, enlarged to S; ``closer_flipped``: both.

    Returns:
        ``(B, 3, S, S)``, 0 to 255; float where it is enlarged.
    """
    if view.startswith("closer"):
        images = _enlarge_middle(images)
    return images.flip(-1) if view.endswith("flipped") else images


class ViewedNetwork(nn.Module):
    """Maps pixels to the mean of the logits that a network gives of several views.

    Of the logits and not of the probabilities: one temperature then calibrates the mean as it does
    a single view, and very certain scores stay apart, where probabilities would all be 1.

    Args:
        network: ``uint8 or float (B, 3, S, S) -> logits (B, 2)``.
        views: At least one; their order counts for nothing.
    """

    def __init__(self, network: nn.Module, views: Sequence[ViewName]) -> None:
        super().__init__()
        self.network = network
        self.views = tuple(sorted(views))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)`` of ``images``, uint8 or float ``(B, 3, S, S)``."""
        logits = [self.network(show(images, view)) for view in self.views]
        return torch.stack(logits).mean(dim=0)


def _enlarge_middle(images: Tensor) -> Tensor:
    side = images.shape[-1]
    kept = round(_CLOSER * side)
    start = (side - kept) // 2
    middle = images[..., start : start + kept, start : start + kept].float()
    return F.interpolate(middle, size=(side, side), mode="bilinear", align_corners=False)
