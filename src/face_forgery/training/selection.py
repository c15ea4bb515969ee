"""Choosing the epoch whose weights become the detector."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from face_forgery.data.splits.holdout import HeldOut
from face_forgery.params import SelectBy
from face_forgery.training.records import EpochWeights

COLUMNS: dict[SelectBy, str] = {
    "overall": "val_auc",
    "video": "val_auc_video",
    "holdout_mean": "val_auc_held_out_mean",
    "holdout_worst": "val_auc_held_out_worst",
}
"""What a row of the history calls the number by which epochs are chosen."""


class SelectionError(ValueError):
    """No epoch can be chosen; the message says what is missing."""


def check_what_to_select_by(
    select_by: SelectBy, held_out: HeldOut | None, *, has_videos: bool
) -> None:
    """Raise `SelectionError`, before training, where validation lacks what epochs are chosen by.

    ``has_videos``: there are videos of both classes.
    """
    if select_by == "video" and not has_videos:
        raise SelectionError(
            "training.select_by=video, but validation has no videos of both classes; name them in "
            "a column video of the labels (docs/data_format.md), or set "
            "training.select_by=overall"
        )
    if select_by.startswith("holdout") and held_out is None:
        raise SelectionError(
            f"training.select_by={select_by}, but no group is held out in val_holdout; split again "
            "with the same parameters (pipelines splitting and training)"
        )


def best_epoch(history: Sequence[dict[str, Any]], select_by: SelectBy = "overall") -> int:
    """Return the epoch with the highest validation AUC, of equal ones the earliest.

    ``history`` has a row for every epoch with ``epoch`` and the column of ``select_by``.

    Raises:
        SelectionError: If there is no epoch, or it was validated without what it is chosen by.

    Example:
        >>> best_epoch([{"epoch": 1, "val_auc": 0.8}, {"epoch": 2, "val_auc": 0.8}])
        1
    """
    if not history:
        raise SelectionError("the training history has no epoch; train first (pipeline training)")
    column = COLUMNS[select_by]
    if any(column not in row for row in history):
        raise SelectionError(
            f"training.select_by={select_by} needs {column}, which the training history does not "
            "have; train again (pipelines splitting and training)"
        )
    best = max(history, key=lambda row: (row[column], -row["epoch"]))
    return int(best["epoch"])


def is_stalled(
    history: Sequence[dict[str, Any]], patience: int | None, select_by: SelectBy = "overall"
) -> bool:
    """Say whether the last ``patience`` epochs brought no better AUC; ``None`` never gives up.

    ``history`` is as for `best_epoch`; it may be empty.

    Example:
        >>> is_stalled([{"epoch": 1, "val_auc": 0.8}, {"epoch": 2, "val_auc": 0.8}], patience=1)
        True
    """
    if patience is None or not history:
        return False
    return int(history[-1]["epoch"]) - best_epoch(history, select_by) >= patience


def best_weights(
    weights: Mapping[int, Callable[[], EpochWeights]],
    history: Sequence[dict[str, Any]],
    select_by: SelectBy = "overall",
) -> EpochWeights:
    """Read the weights of the best epoch, and only those; ``weights`` reads them by epoch.

    Raises:
        SelectionError: If history and weights are not of the same run.
    """
    epoch = best_epoch(history, select_by)
    if epoch not in weights:
        raise SelectionError(
            f"epoch {epoch} has the best validation AUC, but only the weights of epochs "
            f"{sorted(weights)} are stored: the history is of another run. "
            "Train again (pipeline training)"
        )
    return weights[epoch]()
