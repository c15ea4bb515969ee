"""What the validation images say about the weights of an epoch."""

import torch
from torch import nn

from face_forgery.data.loaders import EvalBatches
from face_forgery.metrics.binary import accuracy, auc, log_loss
from face_forgery.modeling.scoring import score_batches
from face_forgery.progress import track


def validate(network: nn.Module, batches: EvalBatches, device: torch.device) -> dict[str, float]:
    """Score every validation image and return the numbers of the whole set.

    Args:
        network: ``uint8 (B, 3, S, S) -> logits (B, 2)``, on ``device``; its mode is left as it was.
        batches: Both classes must occur.
        device: Where the network is.

    Returns:
        ``val_auc`` (chance that a forgery scores above a real image), ``val_loss`` (cross-entropy
        in nats) and ``val_accuracy`` (at 0.5).

    Raises:
        ValueError: If a score is not finite or a class is missing.
    """
    tracked = track(
        batches,
        description="validation",
        total=batches.num_images,
        count=lambda batch: len(batch[1]),
    )
    scores = score_batches(network, tracked, device)
    return {
        "val_auc": auc(scores, batches.targets),
        "val_loss": log_loss(scores, batches.targets),
        "val_accuracy": accuracy(scores, batches.targets),
    }
