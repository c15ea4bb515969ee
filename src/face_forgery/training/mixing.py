"""Targets as shares of both classes, and pictures mixed in pairs: MixUp and CutMix."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from face_forgery.data.loading.rng import seeded_torch
from face_forgery.modeling.network import NUM_CLASSES


@dataclass(frozen=True)
class Mixing:
    """Mixes each picture of a batch with the one before it, by a draw that follows from the place.

    The draw follows from (seed, epoch, number of the batch): a resumed run mixes alike. The
    shuffled order makes the pairs random ones.

    Args:
        mixup_alpha: Pictures are averaged with a share from Beta(alpha, alpha); 0: they are not.
        cutmix_alpha: A rectangle is taken from the other picture; 0: none is. Where both are
            above 0 each batch gets one of the two.
        seed: Of the draws.
    """

    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    seed: int = 0

    @property
    def num_before(self) -> int:
        """How many of the pictures before it a picture is mixed with."""
        return 1 if self.mixup_alpha or self.cutmix_alpha else 0

    def __call__(
        self, images: Tensor, targets: Tensor, *, epoch: int, number: int
    ) -> tuple[Tensor, Tensor]:
        """Return what the network is shown, and how much of it is of each class.

        Args:
            images: uint8 ``(B, 3, S, S)``.
            targets: int64 ``(B,)``, 0 = real, 1 = fake.
            epoch: From 1.
            number: Of the batch within the epoch, from 0.

        Returns:
            Pictures ``(B, 3, S, S)`` on the scale 0 to 255, and shares float32 ``(B, 2)`` whose
            rows add up to 1. Without mixing: ``images`` and ones and zeros.
        """
        shares = F.one_hot(targets, NUM_CLASSES).float()
        mixes: list[v2.Transform] = []
        if self.mixup_alpha:
            mixes.append(v2.MixUp(alpha=self.mixup_alpha))
            images = images.float()  # averages are no whole numbers
        if self.cutmix_alpha:
            mixes.append(v2.CutMix(alpha=self.cutmix_alpha))
        if not mixes:
            return images, shares
        with seeded_torch(self.seed, epoch, number):
            mix = mixes[int(torch.randint(len(mixes), ()))]
            images, shares = mix(images, shares)
        return images, shares
