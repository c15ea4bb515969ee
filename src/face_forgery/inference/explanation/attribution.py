"""Where in an image the evidence lies, in log-odds: what each part adds on the way from a blur.

Integrated gradients (Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks) from a
blurred copy to the image, as captum computes them; for any network that maps pixels to two logits
and has gradients. What all pixels add is the margin of the image less that of the blurred copy, so
the map has a unit, and one scale fits all images. The start is a blur: a grey square would itself
look like an edit.
"""

import math
from functools import partial

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

from face_forgery.modeling.forward_path import device_of

_PART = 0.16  # side of a part, of the image's; about an eye or a mouth of a face
_STEPS = 16  # between the blur and the image
_AT_ONCE = 8  # of them in one pass
_BLUR = 0.08  # standard deviation of the blur, of the image's side


def heat_map(network: nn.Module, image: Tensor) -> NDArray[np.float32]:
    """Return how much the part around each pixel speaks for a forgery: above 0; below: for real.

    Of an image uint8 ``(3, S, S)`` that is ``(S, S)``: by how much a part of the size of an eye
    raises the margin (logit of fake less logit of real, the log-odds of a forgery). ``network`` is
    ``uint8 or float (B, 3, S, S) in 0 to 255 -> logits (B, 2)``, in eval mode, on any device.
    """
    device = device_of(network)
    shown, blurred = (
        pixels.to(device, torch.float32)[None] for pixels in (image, blur_away(image))
    )
    added: Tensor = IntegratedGradients(partial(_margins, network)).attribute(
        shown, blurred, n_steps=_STEPS, internal_batch_size=_AT_ONCE
    )
    side = max(2.0, _PART * image.shape[-1])
    sigma = side / math.sqrt(12)  # spreads as wide as a square of this side
    smooth = functional.gaussian_blur(added.float().sum(dim=1), *_kernel(sigma, image.shape[-1]))
    return np.asarray(smooth[0].cpu().numpy() * side**2, dtype=np.float32)


def blur_away(image: Tensor) -> Tensor:
    """Return uint8 ``(3, S, S)`` without any detail: where the way to ``image`` begins."""
    side = image.shape[-1]
    blurred: Tensor = functional.gaussian_blur(image, *_kernel(_BLUR * side, side))
    return blurred


def _kernel(sigma: float, side: int) -> tuple[list[int], list[float]]:
    """Return size and deviation of a blur of an image of this side."""
    reach = min(math.ceil(3 * sigma), side - 1)
    return [2 * reach + 1] * 2, [sigma] * 2


def _margins(network: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = network(images)
    return logits[:, 1] - logits[:, 0]
