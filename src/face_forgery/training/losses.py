"""What is minimized: a loss of the classes, and two terms that can be added to it.

Formulas and sources are in the functions; ``s`` is the share of a class in a picture (0 or 1 unless
pictures are mixed or labels smoothed), ``p`` the softmax of its logits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from face_forgery.modeling.network import NUM_CLASSES, DetectorNetwork
from face_forgery.params import LossName, TrainingParams
from face_forgery.training.copies import Degrade, copies_of, soften_and_add_noise
from face_forgery.training.distributed.process_group import Part


class Outputs(NamedTuple):
    """What the forward passes of a batch gave, in the precision of training."""

    logits: Tensor  # (B, 2)
    features: Tensor | None = None  # (B, F), what the head made the logits of
    logits_of_copies: Tensor | None = None  # (B, 2), of the degraded copies


@dataclass(frozen=True)
class Loss:
    """The loss of a batch; the defaults are the plain cross-entropy.

    Args:
        name: Of the loss of the classes.
        gamma: Of the focal loss.
        label_smoothing: Share of a target that is spread over both classes.
        contrastive: Weight of the supervised-contrastive term; 0: off.
        temperature: Of that term.
        consistency: Weight of the consistency term; 0: off.
        degrade: Makes the copies of that term.
        seed: Of the copies.
    """

    name: LossName = "cross_entropy"
    gamma: float = 2.0
    label_smoothing: float = 0.0
    contrastive: float = 0.0
    temperature: float = 0.1
    consistency: float = 0.0
    degrade: Degrade = soften_and_add_noise
    seed: int = 0

    @classmethod
    def of(cls, params: TrainingParams) -> "Loss":
        """Return the loss that ``params`` ask for."""
        return cls(
            **params.loss.model_dump(), label_smoothing=params.label_smoothing, seed=params.seed
        )

    def passes(self, network: DetectorNetwork) -> "Passes":
        """Return the module that makes the forward passes of a step."""
        return Passes(network, gives_features=bool(self.contrastive))

    def outputs(
        self,
        forward: Callable[[Tensor, Tensor | None], Outputs],
        images: Tensor,
        *,
        epoch: int,
        number: int,
        part: Part,
    ) -> Outputs:
        """Return what the loss is computed from: one forward pass, or two with copies.

        Args:
            forward: What `passes` returned, compiled or not.
            images: ``(B, 3, S, S)`` on the scale 0 to 255.
            epoch: From 1.
            number: Of the batch within the epoch, from 0.
            part: Which pictures of the batch they are.
        """
        copies = None
        if self.consistency:
            copies = copies_of(
                images, self.degrade, seed=self.seed, epoch=epoch, number=number, part=part
            )
        return forward(images, copies)

    def __call__(
        self,
        outputs: Outputs,
        shares: Tensor,
        join: Callable[[Tensor], Tensor] = lambda rows: rows,
    ) -> Tensor:
        """Return the loss, a mean over the batch, computed in float32.

        Args:
            outputs: Of the batch, or of a part of it.
            shares: float32 ``(B, 2)``, how much of each picture is real and how much forged.
            join: Of a part: puts its rows together with those of all others, gradients as well.
                The contrastive term compares every picture of the batch with every other; all
                other terms are means over the pictures of the part.
        """
        logits = outputs.logits.float()
        loss = self._of_classes(logits, shares)
        if outputs.features is not None:
            features, targets = join(outputs.features.float()), join(shares.argmax(dim=1))
            term = supervised_contrastive(features, targets, self.temperature)
            loss = loss + self.contrastive * term
        if outputs.logits_of_copies is not None:
            term = inconsistency(logits, outputs.logits_of_copies.float())
            loss = loss + self.consistency * term
        return loss

    def _of_classes(self, logits: Tensor, shares: Tensor) -> Tensor:
        if self.name == "cross_entropy":
            return F.cross_entropy(logits, shares, label_smoothing=self.label_smoothing)
        shares = shares * (1.0 - self.label_smoothing) + self.label_smoothing / NUM_CLASSES
        if self.name == "focal":
            return focal(logits, shares, self.gamma)
        return F.binary_cross_entropy_with_logits(logits, shares)


class Passes(nn.Module):
    """The forward passes of a step, as one: gradients of several processes are joined by module.

    Args:
        network: What makes them; its weights and its mode are those of this module.
        gives_features: Whether the features are asked for.
    """

    def __init__(self, network: DetectorNetwork, *, gives_features: bool) -> None:
        super().__init__()
        self.network = network
        self.gives_features = gives_features

    def forward(self, images: Tensor, copies: Tensor | None) -> Outputs:
        """Return what the network says of ``images`` and, if there are any, of their copies."""
        logits_of_copies = features = None
        if self.gives_features:
            logits, features = self.network.logits_and_features(images)
        else:
            logits = self.network(images)
        if copies is not None:
            logits_of_copies = self.network(copies)
        return Outputs(logits, features, logits_of_copies)


def focal(logits: Tensor, shares: Tensor, gamma: float) -> Tensor:
    """Return ``-sum_k s_k (1 - p_k)^gamma log p_k``, mean over the batch.

    With ``gamma`` 0 the cross-entropy; the larger it is, the less counts a picture that is right
    already. Source: Lin et al. 2017, Focal Loss for Dense Object Detection, without its ``alpha``.

    Args:
        logits: float32 ``(B, 2)``.
        shares: float32 ``(B, 2)``.
        gamma: At least 0.
    """
    logs = F.log_softmax(logits, dim=1)
    # 1 - p of one class is the p of the other: exact near 0, and with a slope for any gamma.
    weights = (gamma * logs.flip(dims=(1,))).exp()
    return -(shares * weights * logs).sum(dim=1).mean()


def supervised_contrastive(features: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return how far each picture is from those of its class, compared with all others.

    With ``z`` the features on the unit sphere, ``P(i)`` the other pictures of the class of ``i``
    and ``A(i)`` all other pictures: the mean over all ``i`` with a ``P(i)`` of
    ``-1/|P(i)| sum_{p in P(i)} log(exp(z_i z_p / t) / sum_{a in A(i)} exp(z_i z_a / t))``.
    Source: Khosla et al. 2020, Supervised Contrastive Learning, equation 2, on the pooled features
    themselves, without a projection head.

    Args:
        features: float32 ``(B, F)``.
        targets: int64 ``(B,)``.
        temperature: ``t``, above 0.

    Returns:
        A number; 0 where no picture has another one of its class.
    """
    units = F.normalize(features, dim=1)
    is_itself = torch.eye(len(units), dtype=torch.bool, device=units.device)
    similarities = (units @ units.T / temperature).masked_fill(is_itself, -torch.inf)
    logs = F.log_softmax(similarities, dim=1)
    is_positive = (targets[:, None] == targets) & ~is_itself
    num_positives = is_positive.sum(dim=1)
    of_pictures = -logs.masked_fill(~is_positive, 0.0).sum(dim=1) / num_positives.clamp(min=1)
    return of_pictures.sum() / (num_positives > 0).sum().clamp(min=1)


def inconsistency(logits: Tensor, logits_of_copies: Tensor) -> Tensor:
    """Return the divergence ``sum_k p_k (log p_k - log q_k)``, mean over the batch.

    ``p`` is said of the picture and taken as given (no gradient), ``q`` is said of its copy.
    Source: Xie et al. 2020, Unsupervised Data Augmentation for Consistency Training.

    Args:
        logits: float32 ``(B, 2)``, of the pictures.
        logits_of_copies: float32 ``(B, 2)``.
    """
    given = F.log_softmax(logits.detach(), dim=1)
    said = F.log_softmax(logits_of_copies, dim=1)
    return F.kl_div(said, given, reduction="batchmean", log_target=True)
