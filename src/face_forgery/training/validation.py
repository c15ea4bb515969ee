"""What the validation images say about the weights of an epoch."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from face_forgery.data.loading.loaders import EvalBatches
from face_forgery.data.splits.holdout import HeldOut
from face_forgery.evaluation.metrics.binary import accuracy, auc, log_loss
from face_forgery.modeling.forward_path import score_batches
from face_forgery.progress import track
from face_forgery.training.distributed.process_group import ALONE, Team


def validate(
    network: nn.Module, batches: EvalBatches, device: torch.device, team: Team = ALONE
) -> dict[str, Any]:
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
        in nats) and ``val_accuracy`` (at 0.5). With held-out folds also ``val_auc_seen`` (of all
        other images; ``None`` if they lack a class), ``val_auc_held_out`` (by fold) and of the
        latter ``val_auc_held_out_mean`` and ``val_auc_held_out_worst``.

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
        **({} if batches.held_out is None else _measure(scores, batches.targets, batches.held_out)),
    }


def _measure(
    scores: NDArray[np.float64], targets: NDArray[np.int64], held_out: HeldOut
) -> dict[str, Any]:
    seen = targets[held_out.seen]
    aucs = {name: auc(scores[rows], targets[rows]) for name, rows in held_out.rows.items()}
    return {
        "val_auc_seen": auc(scores[held_out.seen], seen) if np.ptp(seen) else None,
        "val_auc_held_out": aucs,
        "val_auc_held_out_mean": sum(aucs.values()) / len(aucs),
        "val_auc_held_out_worst": min(aucs.values()),
    }
