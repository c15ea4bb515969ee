"""CSV tables that are whole, repeatable and read back as they were written."""

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from face_forgery.datasets.atomic import replacing
from face_forgery.datasets.csv_text import csv_text


class AtomicCSVDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """One CSV in UTF-8 with LF line ends and without an index, replaced in one step.

    Numbers have as many digits as they need to come back as the same number. An empty field is a
    missing value, and nothing else is: a picture may be called ``NA``.

    Args:
        filepath: Where it lies.
        dtype: Column -> pandas type when reading; other columns get the type they look like.
        metadata: For Kedro-Viz and tracking.

    Example catalog entry::

        submission:
          type: face_forgery.datasets.csv_file.AtomicCSVDataset
          filepath: data/07_model_output/submission.csv
          dtype: {img_name: string}
    """

    def __init__(
        self,
        *,
        filepath: str,
        dtype: dict[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._dtype = dict(dtype or {})
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Return the table; a file that is none is an error that names the place."""
        try:
            return self._read()
        except ValueError as error:  # what pandas raises of texts, among others
            raise ValueError(
                f"{self._filepath}: not a table of comma-separated values ({str(error).strip()}); "
                "delete it and run the pipeline that writes it again"
            ) from error

    def save(self, data: pd.DataFrame) -> None:
        """Write the table; its index is not part of it."""
        with replacing(self._filepath) as partial:
            partial.write_text(csv_text(data), encoding="utf-8", newline="")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz."""
        head = self._read(nrows=nrows).astype(object)
        return TablePreview(head.where(head.notna(), None).to_dict(orient="split"))

    def _read(self, **options: Any) -> pd.DataFrame:
        table: pd.DataFrame = pd.read_csv(
            self._filepath,
            dtype=self._dtype,
            keep_default_na=False,
            na_values=[""],
            **options,
        )
        return table

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
