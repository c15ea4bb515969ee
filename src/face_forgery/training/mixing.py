"""Soft targets, and images mixed in pairs: MixUp and CutMix."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

from face_forgery.data.loading.rng import seeded_torch
from face_forgery.modeling.network import NUM_CLASSES


@dataclass(frozen=True)
class Mixing:
    """Mixes each image of a batch with the one before it.

    What is drawn follows from (seed, epoch, number of the batch): a resumed run mixes alike, which
    timm's ``Mixup`` and its global NumPy generator do not. The shuffled order makes the pairs
    random ones.

    Args:
        mixup_alpha: Images are averaged, in a proportion from Beta(alpha, alpha); 0: they are not.
        cutmix_alpha: A rectangle is taken from the other image; 0: none is. Where both are
            above 0 each batch gets one of the two.
        seed: Of what is drawn.
    """

    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    seed: int = 0

    def __call__(
        self, images: Tensor, targets: Tensor, *, epoch: int, number: int
    ) -> tuple[Tensor, Tensor]:
        """Return the images that the network is shown, and their soft targets.

        Args:
            images: uint8 ``(B, 3, S, S)``.
            targets: int64 ``(B,)``, 0 = real, 1 = fake.
            epoch: From 1.
            number: Of the batch within the epoch, from 0.

        Returns:
            Images ``(B, 3, S, S)`` on the scale 0 to 255, and soft targets float32 ``(B, 2)`` whose
            rows add up to 1. Without mixing: ``images`` and ones and zeros.
        """
        soft_targets = F.one_hot(targets, NUM_CLASSES).float()
        mixes: list[v2.Transform] = []
        if self.mixup_alpha:
            mixes.append(v2.MixUp(alpha=self.mixup_alpha))
            images = images.float()  # averages are no whole numbers
        if self.cutmix_alpha:
            mixes.append(v2.CutMix(alpha=self.cutmix_alpha))
        if not mixes:
            return images, soft_targets
        with seeded_torch(self.seed, epoch, number):
            mix = mixes[int(torch.randint(len(mixes), ()))]
            images, soft_targets = mix(images, soft_targets)
        return images, soft_targets
