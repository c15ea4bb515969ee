"""A degraded copy of every picture of a batch, for the consistency term."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from face_forgery.data.draws import mix

# uint8 (B, 3, S, S) and a generator on its device -> uint8 (B, 3, S, S). Every draw comes from the
# generator, and a label is nowhere in sight.
Degrade = Callable[[Tensor, torch.Generator], Tensor]

_SMALLEST = 0.5  # factor of both sides
_MOST_NOISE = 10.0  # standard deviation, of 255
_OF_COPIES = 0xC091E5  # keeps these draws apart from those of mixing


def soften_and_add_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return copies that have lost detail: made smaller and large again, then noisy.

    Args:
        images: uint8 ``(B, 3, S, S)``.
        generator: On the device of ``images``. The factor of the sides, one of the batch, is drawn
            from 0.5 to 1, the standard deviation of the noise of each picture from 0 to 10.

    Returns:
        uint8 ``(B, 3, S, S)``; ``images`` stay as they are.
    """
    count, side, device = len(images), images.shape[-1], images.device
    factor = _SMALLEST + (1.0 - _SMALLEST) * float(
        torch.rand((), generator=generator, device=device)
    )
    small = max(1, round(factor * side))
    copies = F.interpolate(images.float(), size=(small, small), mode="bilinear", antialias=True)
    copies = F.interpolate(copies, size=(side, side), mode="bilinear")
    sigma = _MOST_NOISE * torch.rand((count, 1, 1, 1), generator=generator, device=device)
    noise = torch.randn(copies.shape, generator=generator, device=device)
    return (copies + sigma * noise).clamp(0.0, 255.0).round().to(torch.uint8)


def copies_of(images: Tensor, degrade: Degrade, *, seed: int, epoch: int, number: int) -> Tensor:
    """Return the degraded copies of a batch; a resumed run gets those of an uninterrupted one.

    Args:
        images: ``(B, 3, S, S)`` on the scale 0 to 255; mixed pictures are rounded first.
        degrade: What is done to them.
        seed: Of the run.
        epoch: From 1.
        number: Of the batch within the epoch, from 0.

    Returns:
        ``(B, 3, S, S)`` of the type of ``images``.
    """
    generator = torch.Generator(images.device).manual_seed(mix(seed, epoch, number, _OF_COPIES))
    is_whole = images.dtype == torch.uint8
    whole = images if is_whole else images.round().clamp(0.0, 255.0).to(torch.uint8)
    return degrade(whole, generator).to(images.dtype)
