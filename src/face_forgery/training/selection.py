"""Choosing the epoch whose weights become the detector."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from face_forgery.training.records import EpochWeights


class SelectionError(ValueError):
    """No epoch can be chosen; the message says what is missing."""


def best_epoch(history: Sequence[dict[str, Any]]) -> int:
    """Return the epoch with the highest validation AUC, of equal ones the earliest.

    Args:
        history: A row for every epoch with ``epoch`` and ``val_auc``.

    Raises:
        SelectionError: If there is no epoch.

    Example:
        >>> best_epoch([{"epoch": 1, "val_auc": 0.8}, {"epoch": 2, "val_auc": 0.8}])
        1
    """
    if not history:
        raise SelectionError(
            "the training history has no epoch; train first: kedro run --pipeline training"
        )
    best = max(history, key=lambda row: (row["val_auc"], -row["epoch"]))
    return int(best["epoch"])


def is_stalled(history: Sequence[dict[str, Any]], patience: int | None) -> bool:
    """Say whether the last ``patience`` epochs brought no better validation AUC.

    Args:
        history: As for `best_epoch`; it may be empty.
        patience: At least 1; ``None`` never gives up.

    Example:
        >>> is_stalled([{"epoch": 1, "val_auc": 0.8}, {"epoch": 2, "val_auc": 0.8}], patience=1)
        True
    """
    if patience is None or not history:
        return False
    return int(history[-1]["epoch"]) - best_epoch(history) >= patience


def best_weights(
    weights: Mapping[int, Callable[[], EpochWeights]], history: Sequence[dict[str, Any]]
) -> EpochWeights:
    """Read the weights of the best epoch, and only those.

    Args:
        weights: A function by epoch that reads its weights.
        history: As for `best_epoch`.

    Raises:
        SelectionError: If history and weights are not of the same run.
    """
    epoch = best_epoch(history)
    if epoch not in weights:
        raise SelectionError(
            f"epoch {epoch} has the best validation AUC, but only the weights of epochs "
            f"{sorted(weights)} are stored: the history is of another run. "
            "Train again: kedro run --pipeline training"
        )
    return weights[epoch]()
