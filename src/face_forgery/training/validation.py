"""What the validation images say about the weights of an epoch."""

import torch
from torch import nn

from face_forgery.data.loaders import EvalBatches
from face_forgery.metrics.binary import accuracy, auc, log_loss
from face_forgery.modeling.scoring import score_batches
from face_forgery.progress import track
from face_forgery.training.team import ALONE, Team


def validate(
    network: nn.Module, batches: EvalBatches, device: torch.device, team: Team = ALONE
) -> dict[str, float]:
    """Score every validation image and return the numbers of the whole set.

    Each rank scores a part of the batches; the scores of all are put together in the order of the
    images, and every rank returns the same numbers.

    Args:
        network: ``uint8 (B, 3, S, S) -> logits (B, 2)``, on ``device``; its mode is left as it was.
        batches: Both classes must occur.
        device: Where the network is.
        team: Who takes part.

    Returns:
        ``val_auc`` (chance that a forgery scores above a real image), ``val_loss`` (cross-entropy
        in nats) and ``val_accuracy`` (at 0.5).

    Raises:
        ValueError: If a score is not finite or a class is missing.
    """
    team.align(network)
    part = team.share(batches)
    tracked = track(
        part,
        description="validation",
        total=part.num_images,
        count=lambda batch: len(batch[1]),
    )
    scores = team.join(score_batches(network, tracked, device))
    return {
        "val_auc": auc(scores, batches.targets),
        "val_loss": log_loss(scores, batches.targets),
        "val_accuracy": accuracy(scores, batches.targets),
    }
