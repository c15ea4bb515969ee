"""What the validation images say about the weights of an epoch."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from torch import nn
from torch.utils.data import DataLoader

from face_forgery.data.loading.workers import iterate_tracked
from face_forgery.data.splits.holdout import HeldOut
from face_forgery.modeling.forward_path import score_batches
from face_forgery.training.distributed.process_group import broadcast_buffers, gather


def validate(
    network: nn.Module,
    loader: DataLoader[Any],
    held_out: HeldOut | None,
    device: torch.device,
) -> dict[str, Any]:
    """Score every validation image and return the numbers of the whole set, alike on all ranks.

    ``network`` maps uint8 ``(B, 3, S, S)`` to logits ``(B, 2)``; its mode is left as it was.

    Returns:
        ``val_auc`` (chance that a forgery scores above a real image), ``val_loss`` (cross-entropy
        in nats) and ``val_accuracy`` (at 0.5). With videos of both classes also ``val_auc_video``,
        of the mean scores of videos; images of none are left out. With held-out groups also
        ``val_auc_seen`` (of all other images; ``None`` if they lack a class), ``val_auc_held_out``
        (by group) and of the latter ``val_auc_held_out_mean`` and ``val_auc_held_out_worst``.

    Raises:
        ValueError: If a score is not finite or a class is missing.
    """
    broadcast_buffers(network)
    scores = gather(score_batches(network, iterate_tracked(loader, "validation"), device))
    dataset: Any = loader.dataset
    targets: NDArray[np.int64] = dataset.targets
    if not np.isfinite(scores).all():
        raise ValueError(f"{int((~np.isfinite(scores)).sum())} validation score(s) are not finite")
    return {
        "val_auc": _auc(scores, targets),
        "val_loss": float(log_loss(targets, scores)),
        "val_accuracy": float(accuracy_score(targets, scores >= 0.5)),
        **({"val_auc_video": _auc_of_videos(scores, dataset)} if has_videos(dataset) else {}),
        **({} if held_out is None else _measure(scores, targets, held_out)),
    }


def has_videos(dataset: Any) -> bool:
    """Say whether an `ImageDataset` has videos of both classes."""
    videos = dataset.videos
    return videos is not None and len(np.unique(dataset.targets[videos >= 0])) == 2


def _auc_of_videos(scores: NDArray[np.float64], dataset: Any) -> float:
    is_frame = dataset.videos >= 0
    videos, targets = dataset.videos[is_frame], dataset.targets[is_frame]
    counts = np.bincount(videos)
    means, classes = (np.bincount(videos, weights=w) / counts for w in (scores[is_frame], targets))
    return _auc(means, classes.astype(np.int64))


def _measure(
    scores: NDArray[np.float64], targets: NDArray[np.int64], held_out: HeldOut
) -> dict[str, Any]:
    seen = targets[held_out.seen]
    aucs = {name: _auc(scores[rows], targets[rows]) for name, rows in held_out.rows.items()}
    return {
        "val_auc_seen": _auc(scores[held_out.seen], seen) if np.ptp(seen) else None,
        "val_auc_held_out": aucs,
        "val_auc_held_out_mean": sum(aucs.values()) / len(aucs),
        "val_auc_held_out_worst": min(aucs.values()),
    }


def _auc(scores: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    if not np.ptp(targets):
        raise ValueError(f"all {len(targets)} validation images are of one class: there is no AUC")
    return float(roc_auc_score(targets, scores))
