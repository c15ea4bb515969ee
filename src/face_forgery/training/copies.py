"""A degraded copy of every picture of a batch, for the consistency term."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from face_forgery.data.loading.rng import mix_seed
from face_forgery.training.distributed.process_group import Part

_SMALLEST = 0.5  # factor of both sides
_MOST_NOISE = 10.0  # standard deviation, of 255
_OF_COPIES = 0xC091E5  # keeps these draws apart from those of mixing


class PictureDraws:
    """Random numbers for the pictures of a batch, the same whoever is shown which of them.

    Args:
        seed: Of the batch.
        part: Which of its pictures are shown.
        device: Where the numbers are wanted.
    """

    def __init__(self, seed: int, part: Part, device: torch.device) -> None:
        self._of_batch = torch.Generator().manual_seed(seed)
        self._of_picture = torch.Generator(device)
        self._part = part

    def draw_one(self) -> float:
        """Draw a number of the whole batch, uniform in [0, 1)."""
        return torch.rand((), generator=self._of_batch).item()

    def draw_each(self) -> Tensor:
        """Draw a number for each picture, ``(B,)``, uniform in [0, 1)."""
        numbers = torch.rand(self._part.num_images, generator=self._of_batch)
        return numbers[self._part.as_slice].to(self._of_picture.device)

    def draw_normal(self, size: Sequence[int]) -> Tensor:
        """Draw an array of standard normal numbers for each picture, ``(B, *size)``."""
        seeds = torch.randint(2**62, (self._part.num_images,), generator=self._of_batch)
        own = seeds[self._part.as_slice].tolist()
        numbers = torch.empty((len(own), *size), device=self._of_picture.device)
        for of_picture, seed in zip(numbers, own, strict=True):
            of_picture.normal_(generator=self._of_picture.manual_seed(seed))
        return numbers


# uint8 (B, 3, S, S) and their draws -> uint8 (B, 3, S, S). A label is nowhere in sight.
Degrade = Callable[[Tensor, PictureDraws], Tensor]


def soften_and_add_noise(images: Tensor, draws: PictureDraws) -> Tensor:
    """Return copies that have lost detail: made smaller and large again, then noisy.

    Args:
        images: uint8 ``(B, 3, S, S)``.
        draws: Of these pictures. The factor of the sides, one of the batch, is drawn from 0.5 to 1,
            the standard deviation of the noise of each picture from 0 to 10.

    Returns:
        uint8 ``(B, 3, S, S)``; ``images`` stay as they are.
    """
    side = images.shape[-1]
    factor = _SMALLEST + (1.0 - _SMALLEST) * draws.draw_one()
    small = max(1, round(factor * side))
    copies = F.interpolate(images.float(), size=(small, small), mode="bilinear", antialias=True)
    copies = F.interpolate(copies, size=(side, side), mode="bilinear")
    sigma = _MOST_NOISE * draws.draw_each().view(-1, 1, 1, 1)
    noise = draws.draw_normal(copies.shape[1:])
    return (copies + sigma * noise).clamp(0.0, 255.0).round().to(torch.uint8)


def copies_of(
    images: Tensor, degrade: Degrade, *, seed: int, epoch: int, number: int, part: Part
) -> Tensor:
    """Return the degraded copies of a batch; a resumed run gets those of an uninterrupted one.

    Args:
        images: ``(B, 3, S, S)`` on the scale 0 to 255; mixed pictures are rounded first.
        degrade: What is done to them.
        seed: Of the run.
        epoch: From 1.
        number: Of the batch within the epoch, from 0.
        part: Which pictures of the batch they are.

    Returns:
        ``(B, 3, S, S)`` of the type of ``images``.
    """
    draws = PictureDraws(mix_seed(seed, epoch, number, _OF_COPIES), part, images.device)
    is_whole = images.dtype == torch.uint8
    whole = images if is_whole else images.round().clamp(0.0, 255.0).to(torch.uint8)
    return degrade(whole, draws).to(images.dtype)
