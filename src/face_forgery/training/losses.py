"""What is minimized: a loss of the classes, and terms that can be added to it.

Formulas and sources are in the functions; ``t`` is the soft target of a class (0 or 1 unless images
are mixed or labels smoothed), ``p`` the softmax of the logits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_forgery.modeling.network import NUM_CLASSES, DetectorNetwork
from face_forgery.params import ParameterError, TrainingParams


class Outputs(NamedTuple):
    """What the forward pass of a batch gave, in the precision of training."""

    logits: Tensor  # (B, 2)
    features: Tensor | None = None  # (B, F), what the head made the logits of


class ForwardPass(nn.Module):
    """The forward pass of a step as one module, which can be compiled or distributed."""

    def __init__(self, network: DetectorNetwork, *, gives_features: bool) -> None:
        super().__init__()
        self.network = network
        self.gives_features = gives_features

    def forward(self, images: Tensor) -> Outputs:
        """Return logits and, where ``gives_features``, features of images ``(B, 3, S, S)``."""
        if self.gives_features:
            return Outputs(*self.network.logits_and_features(images))
        return Outputs(self.network(images))


def focal(logits: Tensor, soft_targets: Tensor, gamma: float = 2.0) -> Tensor:
    """Return ``-sum_k t_k (1 - p_k)^gamma log p_k``, mean over the batch.

    With ``gamma`` 0 the cross-entropy; the larger it is, the less counts an image that is right
    already. torchvision's ``sigmoid_focal_loss`` is of independent sigmoids, another loss. Source:
    Lin et al. 2017, Focal Loss for Dense Object Detection, without its ``alpha``.
    """
    logs = F.log_softmax(logits, dim=1)
    # 1 - p of one class is the p of the other: exact near 0, and with a slope for any gamma.
    weights = (gamma * logs.flip(dims=(1,))).exp()
    return -(soft_targets * weights * logs).sum(dim=1).mean()


# training.loss.name -> function of logits and soft targets, float32 (B, 2): the mean over the batch
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": F.cross_entropy,
    "bce": F.binary_cross_entropy_with_logits,
    "focal": focal,
}


def check_loss(name: str) -> None:
    """Refuse a name that is not in ``LOSSES`` with a `ParameterError`."""
    if name not in LOSSES:
        raise ParameterError(f"training.loss.name={name!r}: there are {', '.join(LOSSES)}")


@dataclass(frozen=True)
class Loss:
    """The loss of a batch; the defaults are the plain cross-entropy."""

    name: str = "cross_entropy"  # one of LOSSES
    label_smoothing: float = 0.0  # proportion of a target that is spread over both classes
    # Weights of the terms on features; 0: off.
    alignment: float = 0.0
    uniformity: float = 0.0

    @classmethod
    def of(cls, params: TrainingParams) -> "Loss":
        """Return the loss that ``params`` ask for."""
        return cls(**params.loss.model_dump(), label_smoothing=params.label_smoothing)

    @property
    def needs_features(self) -> bool:
        """Say whether a term looks at the features."""
        return bool(self.alignment or self.uniformity)

    def __call__(self, outputs: Outputs, soft_targets: Tensor) -> Tensor:
        """Return the mean over the batch, in float32; rows of ``soft_targets (B, 2)`` sum to 1."""
        smooth = soft_targets * (1.0 - self.label_smoothing) + self.label_smoothing / NUM_CLASSES
        loss = LOSSES[self.name](outputs.logits.float(), smooth)
        if outputs.features is not None:
            features, classes = outputs.features.float(), soft_targets.argmax(dim=1)
            if self.alignment:
                loss = loss + self.alignment * alignment(features, classes)
            if self.uniformity:
                loss = loss + self.uniformity * uniformity(features)
        return loss


def alignment(features: Tensor, targets: Tensor) -> Tensor:
    """Return how far images of one class are from one another; 0 where no class has two.

    The mean of ``|z_i - z_j|^2`` over all pairs of one class, with ``z`` the ``features`` ``(B,
    F)`` on the unit sphere. Source: Wang and Isola 2020, Understanding Contrastive Representation
    Learning through Alignment and Uniformity on the Hypersphere, section 4.1, with alpha 2 and the
    images of a class as positive pairs.
    """
    is_pair = (targets[:, None] == targets).triu(diagonal=1)
    distances = _squared_distances(features).masked_fill(~is_pair, 0.0)
    return distances.sum() / is_pair.sum().clamp(min=1)


def uniformity(features: Tensor) -> Tensor:
    """Return how unevenly images lie on the unit sphere: low where they spread; 0 for one image.

    The logarithm of the mean of ``exp(-2 |z_i - z_j|^2)`` over all pairs of ``features`` ``(B,
    F)``, whatever their classes. Source: as `alignment`, section 4.1, with t 2.
    """
    if len(features) < 2:
        return features.new_zeros(())
    first, second = torch.triu_indices(len(features), len(features), offset=1).to(features.device)
    distances = _squared_distances(features)[first, second]
    return torch.logsumexp(-2.0 * distances, dim=0) - math.log(len(distances))


def _squared_distances(features: Tensor) -> Tensor:
    """Return ``|z_i - z_j|^2`` of features on the unit sphere, ``(B, B)``."""
    units = F.normalize(features, dim=1)
    return 2.0 - 2.0 * (units @ units.T)
