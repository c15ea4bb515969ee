"""A table that comes part by part."""

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from face_forgery.datasets.appending import append, check_size
from face_forgery.datasets.csv_text import csv_text
from face_forgery.inference.videos.judgement import TablePart


class GrowingTableDataset(AbstractDataset[TablePart, pd.DataFrame]):
    """A CSV that takes its place in one step when its last part has come.

    Until then the rows are in ``NAME.begun.csv`` beside it, which anybody may read meanwhile. The
    first part of a table begins it anew.

    Example catalog entry::

        video_predictions:
          type: face_forgery.datasets.growing_table.GrowingTableDataset
          filepath: data/07_model_output/video_predictions.csv
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self._num_bytes = 0  # of the parts that are written
        self.metadata = metadata

    def save(self, data: TablePart) -> None:
        """Add a part; the last one makes the table whole.

        Raises:
            FileError: If the parts before it are not there any more.
        """
        begun = self._filepath.with_name(f"{self._filepath.name}.begun.csv")
        begun.parent.mkdir(parents=True, exist_ok=True)
        is_first = data.number == 1
        if is_first:
            begun.write_bytes(b"")
        else:
            check_size(begun, self._num_bytes)
        append(begun, csv_text(data.rows, header=is_first))
        self._num_bytes = begun.stat().st_size
        if data.number == data.total:
            begun.replace(self._filepath)

    def load(self) -> pd.DataFrame:
        """Return the whole table; an empty field is a missing value, and nothing else is."""
        return pd.read_csv(self._filepath, keep_default_na=False, na_values=[""])

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz."""
        head = self.load().head(nrows).astype(object)
        return TablePreview(head.where(head.notna(), None).to_dict(orient="split"))

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
