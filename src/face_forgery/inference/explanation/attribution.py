"""Where in an image the evidence lies: what hiding a part takes, and showing it alone gives.

Works with any network that maps pixels to two logits, convolutional or not. Source: Zeiler and
Fergus 2014, Visualizing and Understanding Convolutional Networks (occlusion), as captum does it.
Hiding alone fails where a network has made up its mind: what is left still says the same. The mean
of the two is the mean of the first and the last contribution, which Shapley values also begin with.
What hides is a blurred copy: a grey square would itself look like an edit.
"""

import numpy as np
import torch
from captum.attr import Occlusion
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

_WINDOW = 0.16  # side of what is hidden, of the image's; about an eye or a mouth of a face
_STEPS_PER_WINDOW = 2
_AT_ONCE = 16  # hidden variants in one forward pass
_BLUR = 0.08  # standard deviation of what hides, of the image's side


def heat_map(network: nn.Module, image: Tensor) -> NDArray[np.float32]:
    """Return how much each pixel speaks for a forgery.

    Args:
        network: ``uint8 or float (B, 3, S, S) in 0 to 255 -> logits (B, 2)``, on any device.
        image: uint8 ``(3, S, S)``.

    Returns:
        ``(S, S)``: by how much the margin (logit of fake less logit of real) falls, per pixel, when
        the surroundings of a pixel are blurred away, and rises when all but them is; the mean of
        both. Above 0: speaks for forged; below: for real.
    """
    device = next(network.parameters()).device
    shown = image.to(device, torch.float32)[None]
    hidden = blur_away(image).to(device, torch.float32)[None]
    heat = (_occlude(network, shown, hidden) - _occlude(network, hidden, shown)) / 2
    window, step = _window(image.shape[-1])
    smooth = functional.gaussian_blur(heat, [window // 2 * 2 + 1] * 2, [step / 2] * 2)
    return np.asarray(smooth[0].mean(dim=0).cpu().numpy(), dtype=np.float32)


def _occlude(network: nn.Module, pixels: Tensor, others: Tensor) -> Tensor:
    """Return by how much the margin falls where ``pixels`` are replaced, ``(1, 3, S, S)``."""
    window, step = _window(pixels.shape[-1])
    with torch.no_grad():
        heat: Tensor = Occlusion(lambda images: _margins(network, images)).attribute(
            pixels,
            sliding_window_shapes=(3, window, window),
            strides=(3, step, step),
            baselines=others,
            perturbations_per_eval=_AT_ONCE,
        )
    return heat


def _window(side: int) -> tuple[int, int]:
    """Return side and step of what is hidden, in pixels."""
    window = max(2, round(_WINDOW * side))
    return window, max(1, window // _STEPS_PER_WINDOW)


def blur_away(image: Tensor) -> Tensor:
    """Return uint8 ``(3, S, S)`` without any detail, to hide parts of ``image`` with."""
    sigma = _BLUR * image.shape[-1]
    reach = min(int(3 * sigma), image.shape[-1] - 1)
    blurred: Tensor = functional.gaussian_blur(image, [2 * max(1, reach // 2) + 1] * 2, [sigma] * 2)
    return blurred


def _margins(network: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = network(images)
    return logits[:, 1] - logits[:, 0]
