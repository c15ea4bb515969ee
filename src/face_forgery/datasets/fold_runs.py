"""A cross-validation on disk: what is done, and what the fold that is on needs to go on."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from face_forgery.datasets.atomic import AtomicDataset
from face_forgery.datasets.epoch_weights import EpochWeightsDataset
from face_forgery.datasets.training_state import TrainingStateDataset
from face_forgery.training.fold_records import FoldProgress, FoldResult, FoldsBegun
from face_forgery.training.records import Checkpoint, EpochWeights


class FoldRunsDataset(AbstractDataset[FoldProgress, FoldsBegun]):
    """A folder with a folder for each fold: ``fold_001`` and so on.

    A fold that is on has ``state.pt`` and ``epochs/``; one that is done ``scores.parquet`` and,
    written last, ``result.json`` in their place. Two catalog entries share the folder, because a
    node may not read what it writes; the one that is read says with ``enabled`` whether an older
    cross-validation is to be continued.

    Example catalog entry::

        fold_runs:
          type: face_forgery.datasets.fold_runs.FoldRunsDataset
          filepath: data/06_models/cross_validation
    """

    def __init__(
        self, *, filepath: str, enabled: bool = True, metadata: dict[str, Any] | None = None
    ) -> None:
        self._filepath = Path(filepath)
        self._enabled = enabled
        self.metadata = metadata

    def load(self) -> FoldsBegun:
        """Return what is there; nothing unless ``enabled``."""
        numbers = self._numbers() if self._enabled else []
        results = {n: self._read_result(n) for n in numbers if self._result(n)._exists()}
        return FoldsBegun(results, self._read_state, self._read_weights)

    def save(self, data: FoldProgress) -> None:
        """Write a step; the first one of a new cross-validation removes what an older one left."""
        if data.begins:
            for number in self._numbers():
                shutil.rmtree(self._folder(number))
        if data.weights is not None:
            self._weights(data.number).save(data.weights)
        if data.state is not None:
            self._state(data.number).save(data.state)
        if data.result is not None:
            self._scores(data.number).save(data.result.scores)
            values = {"fold": data.result.fold, **data.result.summary}
            self._result(data.number).save(values)
            shutil.rmtree(self._folder(data.number) / "epochs", ignore_errors=True)
            (self._folder(data.number) / "state.pt").unlink(missing_ok=True)

    def _read_result(self, number: int) -> FoldResult:
        values = self._result(number).load()
        fold = values.pop("fold")
        scores: pd.DataFrame | None = self._scores(number).load()
        assert scores is not None
        return FoldResult(fold, values, scores)

    def _read_state(self, number: int) -> Checkpoint | None:
        return self._state(number).load() if self._enabled else None

    def _read_weights(self, number: int) -> Mapping[int, Callable[[], EpochWeights]]:
        return self._weights(number).load() if self._enabled else {}

    def _folder(self, number: int) -> Path:
        return self._filepath / f"fold_{number:03d}"

    def _numbers(self) -> list[int]:
        names = (path.name.removeprefix("fold_") for path in self._filepath.glob("fold_*"))
        return sorted(int(name) for name in names if name.isdecimal())

    def _weights(self, number: int) -> EpochWeightsDataset:
        return EpochWeightsDataset(filepath=str(self._folder(number) / "epochs"))

    def _state(self, number: int) -> TrainingStateDataset:
        return TrainingStateDataset(filepath=str(self._folder(number) / "state.pt"))

    def _scores(self, number: int) -> AtomicDataset:
        path = str(self._folder(number) / "scores.parquet")
        return AtomicDataset(dataset={"type": "pandas.ParquetDataset", "filepath": path})

    def _result(self, number: int) -> AtomicDataset:
        path = str(self._folder(number) / "result.json")
        return AtomicDataset(dataset={"type": "json.JSONDataset", "filepath": path})

    def _exists(self) -> bool:
        return bool(self._numbers())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "enabled": self._enabled}
