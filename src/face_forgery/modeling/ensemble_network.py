"""The networks of several detectors as one."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_forgery.modeling.packing import unpack


class EnsembleNetwork(nn.Module):
    """Maps pixels to the logarithms of the summed probabilities of several networks.

    Their softmax is the mean of the members' probabilities. In float64, and by logarithms
    throughout, so that very certain scores stay apart. Weights that members have in common are
    held once.

    Args:
        members: Each ``(B, 3, S, S) -> logits (B, 2)`` whose softmax is calibrated.
        sides: S of each way in which pictures are read.
        input_of: For each member, which of ``sides`` it is shown.
        temperature: What the logarithms are divided by.
    """

    def __init__(
        self,
        members: Sequence[nn.Module],
        sides: Sequence[int],
        input_of: Sequence[int],
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        share_equal_weights(members)
        self.members = nn.ModuleList(members)
        self.sides = tuple(sides)
        self.input_of = tuple(input_of)
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(B, 2)``, float64.

        ``images`` are uint8, a batch of what `packing.pack` gives.
        """
        return self.join(unpack(images, self.sides))

    def join(self, images: Sequence[Tensor]) -> Tensor:
        """Return what `forward` returns of ``(B, 3, S, S)`` for each of ``sides``."""
        votes = [
            F.log_softmax(member(images[place]).double(), dim=1)
            for member, place in zip(self.members, self.input_of, strict=True)
        ]
        return torch.logsumexp(torch.stack(votes), dim=0) / self.temperature


class _FromLargest(nn.Module):
    """Shows the largest of an ensemble's inputs to all members, reduced to what each takes."""

    def __init__(self, network: EnsembleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.join([_resize(images, side) for side in self.network.sides])


def with_one_input(network: nn.Module, image: Tensor) -> tuple[nn.Module, Tensor]:
    """Return network and image for those who change pixels, such as heat maps.

    Args:
        network: Of any detector.
        image: uint8, what it is shown of one picture.

    Returns:
        Both as they are where the image is ``(3, S, S)``. Where it is packed, the largest of its
        images, and a network that reduces it to the other sizes: the score of an unchanged image
        is then close to the detector's, not equal.
    """
    if not isinstance(network, EnsembleNetwork) or len(network.sides) == 1:
        return network, image
    largest = max(range(len(network.sides)), key=lambda place: network.sides[place])
    return _FromLargest(network), unpack(image[None], network.sides)[largest][0]


def share_equal_weights(members: Sequence[nn.Module]) -> None:
    """Let members hold a weight once where they have an equal one under the same name."""
    known: dict[str, list[nn.Parameter]] = {}
    for member in members:
        for name, module in member.named_modules():
            for own, weight in module.named_parameters(recurse=False):
                others = known.setdefault(f"{name}.{own}", [])
                equal = next((other for other in others if _is_equal(other, weight)), None)
                if equal is None:
                    others.append(weight)
                else:
                    setattr(module, own, equal)


def _is_equal(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _resize(images: Tensor, side: int) -> Tensor:
    if images.shape[-1] == side:
        return images
    return F.interpolate(
        images.float(), size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
