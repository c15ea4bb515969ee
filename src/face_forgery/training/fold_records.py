"""What cross-validation hands over as it goes on. Free of torch, so that nodes can name it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from face_forgery.training.records import Checkpoint, EpochWeights, NoNewWeights

FOLD_SCORE_COLUMNS = {
    "fold": "string",  # that the detector had never seen
    "subset": "string",
    "row": "int64",
    "target": "int64",
    "group": "string",
    "kind": "string",
    "source": "string",
    "is_within": "bool",  # it is like what the detector was trained on
    "is_unseen": "bool",  # the fold is measured on it; shared real pictures are both
    "y_pred": "float64",
}


@dataclass(frozen=True, eq=False)
class FoldResult:
    """A fold that is done.

    Args:
        fold: Its name.
        summary: Seed, chosen epoch, counts, history and fingerprint; plain values.
        scores: ``FOLD_SCORE_COLUMNS`` of all pictures that the fold is measured on.
    """

    fold: str
    summary: dict[str, Any]
    scores: pd.DataFrame = field(repr=False)


@dataclass(frozen=True, eq=False)
class FoldProgress:
    """A step forward that is to be saved.

    Args:
        number: Of the fold, from 1; 0: nothing is left to do.
        begins: Whether it is the first step of a cross-validation that continues no other.
        weights: Of an epoch.
        state: From which training goes on; saved after the weights.
        result: The fold is done; weights and state are not needed any more.
    """

    number: int
    begins: bool = False
    weights: EpochWeights | NoNewWeights | None = None
    state: Checkpoint | None = None
    result: FoldResult | None = None


@dataclass(frozen=True, eq=False)
class FoldsBegun:
    """What is saved of a cross-validation, by number of the fold.

    Args:
        results: Of folds that are done.
        state: Reads the state of a fold; ``None`` if it has none.
        weights: Gives the weights of a fold: epoch -> function that reads them.
    """

    results: Mapping[int, FoldResult]
    state: Callable[[int], Checkpoint | None]
    weights: Callable[[int], Mapping[int, Callable[[], EpochWeights]]]
