"""What a backbone can be shown besides red, green and blue: fixed filters of the pixels.

Forging leaves traces that are weaker than what an image shows. A filter that takes the contents
away leaves them to the first layer; nothing in it is learned. A new input is a class here and a
line in ``INPUTS``.
"""

from math import cos, pi, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_forgery.modeling.detector import BackboneError

NUM_COLORS = 3
_LARGEST = 2.0  # of a residual, in units of what a prediction is divided by
_WINDOW, _STRIDE = 8, 4  # pixels; the window is as large as a block of a JPEG
_BANDS = ((1, 4), (5, 9), (10, 14))  # first and last sum of both frequencies of a coefficient
_LOG_CENTER = 2.0  # taken off, so that faces lie around 0


class FixedFilters(nn.Module):
    """Maps pixels to further channels, in float32 whatever the network is computed in.

    In bfloat16, with its 8 significant bits, the traces would be lost in rounding.
    """

    num_channels: int

    def forward(self, pixels: Tensor) -> Tensor:
        """Return ``(B, num_channels, S, S)`` around 0 of ``pixels``, float ``(B, 3, S, S)``.

        Pixels are on the scale 0 to 255. A channel of one image follows from that image alone.
        """
        if not torch.is_autocast_enabled(pixels.device.type):
            return self.filtered(pixels)
        with torch.autocast(pixels.device.type, enabled=False):
            return self.filtered(pixels)

    def filtered(self, pixels: Tensor) -> Tensor:
        """Return what `forward` returns; autocast is off here."""
        raise NotImplementedError


class NoiseResiduals(FixedFilters):
    """How far each pixel is from what three linear predictors say of its neighbors.

    With the grey value ``g`` (mean of the colors) a residual is ``clip((K * g) / c, -2, 2)`` for
    the kernels SQUARE 3x3 (``c = 4``), SQUARE 5x5 (``c = 12``) and second order, horizontal
    (``c = 2``). Edges are continued. Not rounded as there: a score must not jump.

    Source: Fridrich and Kodovsky 2012, Rich Models for Steganalysis of Digital Images; the choice
    of three: Zhou et al. 2018, Learning Rich Features for Image Manipulation Detection.
    """

    num_channels = 3
    kernels: Tensor
    scales: Tensor

    def __init__(self) -> None:
        super().__init__()
        square_3 = F.pad(torch.tensor([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]), [1] * 4)
        square_5 = torch.tensor(
            [
                [-1, 2, -2, 2, -1],
                [2, -6, 8, -6, 2],
                [-2, 8, -12, 8, -2],
                [2, -6, 8, -6, 2],
                [-1, 2, -2, 2, -1],
            ]
        )
        second_order = F.pad(torch.tensor([[1, -2, 1]]), [1, 1, 2, 2])
        kernels = torch.stack([square_3, square_5, second_order]).float()
        # Whole numbers until the division: the sums are exact on every device.
        self.register_buffer("kernels", kernels[:, None], persistent=False)
        scales = 1.0 / (NUM_COLORS * torch.tensor([4.0, 12.0, 2.0]))
        self.register_buffer("scales", scales.view(1, 3, 1, 1), persistent=False)

    def filtered(self, pixels: Tensor) -> Tensor:
        """Return ``(B, 3, S, S)`` in [-2, 2]."""
        total = F.pad(pixels.sum(dim=1, keepdim=True), [2] * 4, mode="replicate")
        residuals = F.conv2d(total, self.kernels) * self.scales
        return residuals.clamp(-_LARGEST, _LARGEST)


class BandAmplitudes(FixedFilters):
    """How much of low, middle and high frequencies there is around each pixel.

    Windows of 8x8 grey values (mean of the colors), one every 4 pixels, go through the orthonormal
    DCT-II. A channel is ``log(1 + m) - 2``, where ``m`` is the mean absolute coefficient of a band:
    those whose two frequencies add up to 1-4, 5-9 or 10-14 (the mean of a window, 0, is left out).
    Between the windows it is interpolated.

    Source: Qian et al. 2020, Thinking in Frequency (F3-Net), the local frequency statistics, with
    windows of 8 in place of 10 and three bands in place of six.
    """

    num_channels = len(_BANDS)
    waves: Tensor
    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("waves", _dct_waves()[:, None], persistent=False)
        order = torch.arange(_WINDOW)
        sums = (order[:, None] + order).flatten()
        chosen = torch.stack([(sums >= low) & (sums <= high) for low, high in _BANDS]).float()
        means = chosen / chosen.sum(dim=1, keepdim=True)
        self.register_buffer("bands", means[..., None, None], persistent=False)

    def filtered(self, pixels: Tensor) -> Tensor:
        """Return ``(B, 3, S, S)``; faces lie between -2 and 3."""
        reach = (_WINDOW - _STRIDE) // 2  # the middle of a window is that of its 4x4 pixels
        grey = F.pad(pixels.mean(dim=1, keepdim=True), [reach] * 4, mode="replicate")
        amplitudes = F.conv2d(grey, self.waves, stride=_STRIDE).abs()
        channels = torch.log1p(F.conv2d(amplitudes, self.bands)) - _LOG_CENTER
        return F.interpolate(channels, size=pixels.shape[-2:], mode="bilinear")


def _dct_waves() -> Tensor:
    """Return the 64 basis images of the orthonormal DCT-II, ``(64, 8, 8)``."""
    rows = [
        [
            sqrt((1 if k == 0 else 2) / _WINDOW) * cos(pi * (2 * n + 1) * k / (2 * _WINDOW))
            for n in range(_WINDOW)
        ]
        for k in range(_WINDOW)
    ]
    basis = torch.tensor(rows)
    return torch.einsum("ui,vj->uvij", basis, basis).flatten(0, 1)


INPUTS: dict[str, type[FixedFilters] | None] = {  # None: no further channels
    "rgb": None,
    "rgb_srm": NoiseResiduals,
    "rgb_frequency": BandAmplitudes,
}


def extra_channels(name: str) -> FixedFilters | None:
    """Return what makes the further channels of an input, or ``None``; refuses an unknown name."""
    if name not in INPUTS:
        raise BackboneError(f"model.input={name!r} is none of {', '.join(INPUTS)}")
    filters = INPUTS[name]
    return None if filters is None else filters()
