"""CSV tables that every reader takes apart alike."""

import csv
from typing import Any, ClassVar

import pandas as pd
from kedro_datasets.pandas import CSVDataset


class QuotedCSVDataset(CSVDataset):  # type: ignore[misc]
    """``pandas.CSVDataset`` for tables with names that users give.

    An empty field is a missing value, and nothing else is: an image may be called ``NA``. A name
    with a carriage return is quoted.

    Example catalog entry::

        submission:
          type: face_forgery.datasets.atomic.AtomicDataset
          dataset:
            type: face_forgery.datasets.csv_file.QuotedCSVDataset
            filepath: data/07_model_output/submission.csv
            load_args: {dtype: {img_name: string}}
    """

    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {"keep_default_na": False, "na_values": [""]}
    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = {
        "open_args_save": {"mode": "w", "encoding": "utf-8", "newline": ""}
    }

    def save(self, data: pd.DataFrame) -> None:
        """Write the table in UTF-8 with LF line ends; its index is not part of it."""
        with self._fs.open(str(self._get_save_path()), **self._fs_open_args_save) as file:
            file.write(csv_text(data))


def csv_text(table: pd.DataFrame, *, header: bool = True) -> str:
    """Return a table without its index, with LF line ends.

    Before 3.13 Python leaves a carriage return bare, which readers take for the end of a row: if
    there is one, all texts are quoted.
    """
    options: dict[str, Any] = {"index": False, "header": header, "lineterminator": "\n"}
    text: str = table.to_csv(**options)
    if "\r" in text:
        text = table.to_csv(**options, quoting=csv.QUOTE_NONNUMERIC)
    return text
