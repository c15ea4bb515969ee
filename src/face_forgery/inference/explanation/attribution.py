"""Where in an image the evidence lies, in log-odds: what each part adds on the way from a blur.

Integrated gradients (Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks) from a
blurred copy to the image; for any network that maps pixels to two logits and has gradients. What
all pixels add is the margin of the image less that of the blurred copy, so the map has a unit, and
one scale fits all images. The start is a blur: a grey square would itself look like an edit.

Of a network without gradients a part is worth what the margin loses where that part is blurred
(occlusion; Zeiler and Fergus 2014, Visualizing and Understanding Convolutional Networks): the same
unit and the same start, at more passes, and what only several parts tell together is not seen.
"""

import itertools
import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from face_forgery.modeling.engines.choice import has_gradients
from face_forgery.modeling.forward_path import device_of, measure_margins

_PART = 0.16  # side of a part, of the image's; about an eye or a mouth of a face
_BATCH = 32
_STEPS = 6  # between the blur and the image, of Gauss and Legendre; one pass of the network
_ROWS = 9  # of parts that are blurred in turn, where there are no gradients; as many columns
_BLUR = 0.08  # standard deviation of the blur, of the image's side


def heat_map(network: nn.Module, image: Tensor) -> NDArray[np.float32]:
    """Return how much the part around each pixel speaks for a forgery: above 0; below: for real.

    Of an image uint8 ``(3, S, S)`` that is ``(S, S)``: by how much a part of the size of an eye
    raises the margin (logit of fake less logit of real, the log-odds of a forgery). ``network`` is
    ``uint8 or float (B, 3, S, S) in 0 to 255 -> logits (B, 2)``, in eval mode, on any device; it
    takes uint8 alone where it has no gradients.
    """
    if not has_gradients(network):
        return _occlude(network, image, blur_away(image))
    side = max(2.0, _PART * image.shape[-1])
    added = _integrate(network, image, blur_away(image))
    return _blur(added, side / math.sqrt(12)) * np.float32(side**2)  # as wide as such a square


def blur_away(image: Tensor) -> Tensor:
    """Return uint8 ``(3, S, S)`` without any detail: where the way to ``image`` begins."""
    pixels = image.permute(1, 2, 0).cpu().numpy().astype(np.float32)
    blurred = _blur(pixels, _BLUR * image.shape[-1])
    return torch.from_numpy(blurred).round().to(torch.uint8).permute(2, 0, 1)


def _integrate(network: nn.Module, image: Tensor, start: Tensor) -> NDArray[np.float32]:
    """Return by how much each pixel raises the margin from ``start`` to ``image``, ``(S, S)``."""
    device = device_of(network)
    first, last = (pixels.to(device, torch.float32) for pixels in (start, image))
    places, weights = (
        torch.from_numpy(values).to(device, torch.float32).reshape(-1, 1, 1, 1)
        for values in np.polynomial.legendre.leggauss(_STEPS)  # of -1 to 1
    )
    steps = torch.lerp(first, last, (1 + places) / 2).requires_grad_()
    with torch.enable_grad():
        real, fake = network(steps).unbind(dim=1)
        (slopes,) = torch.autograd.grad((fake - real).sum(), steps)
    added = (weights / 2 * slopes).sum(dim=0) * (last - first)
    return np.asarray(added.sum(dim=0).cpu().numpy())


def _occlude(network: nn.Module, image: Tensor, start: Tensor) -> NDArray[np.float32]:
    """Return by how much the margin falls where the part around each pixel is blurred, ``(S, S)``.

    Parts lie on a grid, and overlap; between their middles the map is interpolated.
    """
    size = image.shape[-1]
    half = max(1, round(_PART * size / 2))
    middles = [round((at + 0.5) * size / _ROWS) for at in range(_ROWS)]
    states = [image]
    for row, column in itertools.product(middles, middles):
        changed = image.clone()
        rows, columns = (slice(max(0, one - half), one + half) for one in (row, column))
        changed[:, rows, columns] = start[:, rows, columns]
        states.append(changed)
    device = device_of(network)
    whole, *without = np.concatenate(
        [
            measure_margins(network, torch.stack(states[at : at + _BATCH]), device)
            for at in range(0, len(states), _BATCH)
        ]
    )
    grid = (whole - np.array(without)).reshape(_ROWS, _ROWS).astype(np.float32)
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_LINEAR))


def _blur(pixels: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur ``(S, S)`` or ``(S, S, 3)``; mirrored at the border, the edge twice: the sum stays."""
    size = 2 * min(math.ceil(3 * sigma), len(pixels) - 1) + 1
    border = cv2.BORDER_REFLECT
    return np.asarray(cv2.GaussianBlur(pixels, (size, size), sigma, borderType=border))
