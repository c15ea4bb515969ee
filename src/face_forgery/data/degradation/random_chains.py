"""Random chains of what images go through on their way, for training; one dial says how strong.

Steps are the registered operations that have a strength for training, and those below, which are
torchvision's.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from face_forgery.data.degradation.operations import (
    CHAIN_STEPS,
    Pixels,
    rng_of_content,
    through_webp,
)

MOST_STEPS = 4  # of a chain
MOST_COVERED = 0.2  # of the image, by an occlusion at full strength

_WEBP_BEST, _WEBP_SPAN = 95, 80  # quality, and steps from there down to full strength
_BLUR_SIGMA = 2.0  # pixels
_NOISE_SIGMA = 20.0  # of 255
_REDUCTION = 0.7  # of both sides
_SATURATION, _HUE = 0.8, 0.05  # relative change; part of the color circle
_CONTRAST, _BRIGHTNESS = 0.5, 0.3  # relative changes
_MOST_RECTANGLES = 3
_MODES = [InterpolationMode[name] for name in ("NEAREST_EXACT", "BILINEAR", "BICUBIC")]


class RandomDegradations(nn.Module):
    """None to four steps in random order, each of a random kind; a kind may come again.

    All draws come from torch's global generator, and their number does not depend on the dial: the
    same seed gives the same chain, stronger or weaker. At 0 it changes and draws nothing; at 1 the
    strongest steps leave about what passes through several careless uploads.
    """

    def __init__(self, dial: float) -> None:
        super().__init__()
        self.dial = dial

    def forward(self, image: Tensor) -> Tensor:
        """Return ``image``, uint8 ``(3, H, W)``, degraded."""
        if self.dial == 0.0:
            return image
        kinds = list(_STEPS)
        for _ in range(_integer(MOST_STEPS + 1)):
            kind = kinds[_integer(len(kinds))]
            image = degrade(image, kind, self.dial * _uniform())
        return image


def degrade(image: Tensor, kind: str, strength: float) -> Tensor:
    """Return ``image``, uint8 ``(3, H, W)``, after a step of strength 0 (hardly any) to 1."""
    return _STEPS[kind](image, strength)


def add_noise(image: Tensor, sigma: float) -> Tensor:
    """Return ``image``, uint8 ``(3, H, W)``, with noise of ``sigma`` levels, clipped and rounded.

    On bytes torchvision's noise is cut towards zero, which weakens it; so it is added to floats.
    """
    pixels = F.to_dtype(image, torch.float32, scale=True)
    noisy = F.gaussian_noise(pixels, mean=0.0, sigma=sigma / 255.0)
    rounded: Tensor = F.to_dtype(noisy, torch.uint8, scale=True)
    return rounded


def kernel_size(sigma: float) -> int:
    """Return three standard deviations on either side, as an odd number of pixels."""
    return 2 * max(1, round(3 * sigma)) + 1


def _step_of(name: str) -> Callable[[Tensor, float], Tensor]:
    """Return a registered operation on tensors; what is random in it follows from the pixels."""
    operation, in_training = CHAIN_STEPS[name]

    def step(image: Tensor, strength: float) -> Tensor:
        pixels = _to_pixels(image)
        # Later noise is drawn in the order of memory: as planes here, by pixel after WebP.
        degraded = operation(pixels, in_training(strength), rng_of_content(pixels, name))
        return _to_tensor(degraded).contiguous()

    return step


def _compress_webp(image: Tensor, strength: float) -> Tensor:
    quality = round(_WEBP_BEST - _WEBP_SPAN * strength)
    return _to_tensor(through_webp(_to_pixels(image), quality, method=0))


def _to_pixels(image: Tensor) -> Pixels:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _to_tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _blur(image: Tensor, strength: float) -> Tensor:
    sigma = max(_BLUR_SIGMA * strength, 1e-3)
    blurred: Tensor = F.gaussian_blur(image, [kernel_size(sigma)] * 2, [sigma, sigma])
    return blurred


def _add_noise(image: Tensor, strength: float) -> Tensor:
    return add_noise(image, _NOISE_SIGMA * strength)


def _resample(image: Tensor, strength: float) -> Tensor:
    """Fewer pixels and back, each way by an interpolation of its own."""
    height, width = image.shape[-2:]
    factor = 1.0 - _REDUCTION * strength
    small = [max(1, round(height * factor)), max(1, round(width * factor))]
    down, up = (_MODES[_integer(len(_MODES))] for _ in range(2))
    reduced = F.resize(image, small, interpolation=down, antialias=True)
    enlarged: Tensor = F.resize(reduced, [height, width], interpolation=up, antialias=True)
    return enlarged


def _change_color(image: Tensor, strength: float) -> Tensor:
    saturation, hue = 1.0 + _SATURATION * strength * _sign(), _HUE * strength * _sign()
    changed: Tensor = F.adjust_hue(F.adjust_saturation(image, saturation), hue)
    return changed


def _change_contrast(image: Tensor, strength: float) -> Tensor:
    contrast, brightness = (1.0 + most * strength * _sign() for most in (_CONTRAST, _BRIGHTNESS))
    changed: Tensor = F.adjust_brightness(F.adjust_contrast(image, contrast), brightness)
    return changed


def _occlude(image: Tensor, strength: float) -> Tensor:
    """Cover up to three rectangles, each by one color."""
    height, width = image.shape[-2:]
    number = 1 + _integer(_MOST_RECTANGLES)
    area = MOST_COVERED * strength * height * width / number
    for _ in range(number):
        stretch = math.exp(_uniform() - 0.5)
        rows = min(round(math.sqrt(area) * stretch), height)
        columns = min(round(math.sqrt(area) / stretch), width)
        top, left = (int(_uniform() * room) for room in (height - rows + 1, width - columns + 1))
        color = torch.randint(0, 256, (3, 1, 1), dtype=torch.uint8)
        image = F.erase(image, top, left, rows, columns, color)
    return image


def _uniform() -> float:
    return torch.rand(()).item()


def _integer(end: int) -> int:
    """Draw one of 0 to ``end - 1``."""
    return int(torch.randint(end, ()).item())


def _sign() -> int:
    return 2 * _integer(2) - 1


_STEPS: dict[str, Callable[[Tensor, float], Tensor]] = {
    **{name: _step_of(name) for name in CHAIN_STEPS},
    "webp": _compress_webp,
    "blur": _blur,
    "noise": _add_noise,
    "resampling": _resample,
    "color": _change_color,
    "contrast": _change_contrast,
    "occlusion": _occlude,
}
DEGRADATION_KINDS = tuple(_STEPS)
