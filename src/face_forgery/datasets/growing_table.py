"""A table that comes part by part."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from face_forgery.datasets.incremental_writer import IncrementalWriter, Part, publish
from face_forgery.inference.videos.judgement import TablePart


class GrowingTableDataset(AbstractDataset[TablePart, pd.DataFrame]):
    """A CSV that takes its place in one step when its last part has come.

    Until then the parts are in the folder ``NAME.begun`` beside it, a CSV each, which anybody may
    read meanwhile. The first part of a table begins it anew.

    Example catalog entry::

        video_predictions:
          type: face_forgery.datasets.growing_table.GrowingTableDataset
          filepath: data/07_model_output/video_predictions.csv
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self._writer = IncrementalWriter(filepath)
        self.metadata = metadata

    def save(self, data: TablePart) -> None:
        """Add a part; the last one makes the table whole.

        Raises:
            FileError: If the parts before it are not there any more.
        """
        if data.number == 1:
            self._writer.remove()
        self._writer.add(Part("rows", data.number - 1, data.number), {"rows": data.rows})
        if data.number == data.total:
            self._writer.check_complete(data.total)
            publish(str(self._filepath), partial(self._writer.gather, "rows"))
            self._writer.remove()

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
