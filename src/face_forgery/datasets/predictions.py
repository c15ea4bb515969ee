"""Verdicts on disk: written as they come, whole when they are done."""

from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from face_forgery.data.images.remote import is_url, open_file_system
from face_forgery.datasets.journals import Journal, journal_of
from face_forgery.datasets.verdict_tables import read_table
from face_forgery.inference.job import Begun, PartOfJob


class PredictionsDataset(AbstractDataset[PartOfJob, pd.DataFrame]):
    """A table of verdicts that grows part by part.

    Until the last part has come, the rows are in ``NAME.begun.csv`` beside it, which anybody may
    read meanwhile; ``NAME.begun.json`` says how much of that is whole. Then the table takes its
    place in one step. What a killed run leaves is continued by the next one.

    Where pictures are cut to their faces, ``NAME_faces.csv`` beside it has a row a judged face.

    At a URL the rows are in the folder ``NAME.begun`` meanwhile, a file a part.

    Args:
        filepath: Its ending says the format: ``.csv``, ``.parquet`` or ``.jsonl``.
        metadata: For Kedro-Viz and tracking.

    Example catalog entry::

        predictions:
          type: face_forgery.datasets.predictions.PredictionsDataset
          filepath: ${params:inference.output}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath
        self._journal: Journal | None = None  # of the job that is under way
        self.metadata = metadata

    def save(self, data: PartOfJob) -> None:
        """Add a part; the last one makes the table whole.

        Raises:
            FileError: If the part does not follow what is written, or what was written is gone.
        """
        if self._journal is None or data.start == 0:
            journal = journal_of(self._filepath)
            journal.open_at(data)
            self._journal = journal
        self._journal.append(data)
        if data.end == data.total:
            self._journal.finish()
            self._journal = None

    def load(self) -> pd.DataFrame:
        """Return the whole table."""
        return read_table(self._filepath)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz."""
        head = self.load().head(nrows).astype(object)
        return TablePreview(head.where(head.notna(), None).to_dict(orient="split"))

    def _exists(self) -> bool:
        if is_url(self._filepath):
            system, path = open_file_system(self._filepath)
            return bool(system.exists(path))
        return Path(self._filepath).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class BegunPredictionsDataset(AbstractDataset[NoReturn, Begun | None]):
    """What an interrupted job has left beside ``filepath``; ``None`` if nothing.

    Example catalog entry::

        predictions_begun:
          type: face_forgery.datasets.predictions.BegunPredictionsDataset
          filepath: ${params:inference.output}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> Begun | None:
        """Return the job and the number of its verdicts that are whole."""
        return journal_of(self._filepath).read_begun()

    def save(self, data: NoReturn) -> None:
        """Refuse: it is written with the predictions."""
        raise DatasetError("what has begun is only read; save to predictions")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
