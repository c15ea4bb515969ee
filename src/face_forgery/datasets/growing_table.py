"""A table that comes part by part."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from face_forgery.datasets.csv_text import csv_text
from face_forgery.datasets.errors import FileError
from face_forgery.video.judgement import TablePart


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
        found = begun.stat().st_size if begun.exists() else 0
        if not is_first and found != self._num_bytes:
            raise FileError(
                f"{begun}: it holds {found:,} bytes, and {self._num_bytes:,} were written: "
                "somebody deleted or changed it while the run was under way. Give the same "
                "command again"
            )
        with begun.open("w" if is_first else "r+", encoding="utf-8", newline="") as file:
            file.seek(0, os.SEEK_END)
            file.write(csv_text(data.rows, header=is_first))
            file.flush()
            os.fsync(file.fileno())
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
