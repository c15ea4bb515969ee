"""Tables with names that users give, as CSV."""

from typing import Any, ClassVar

import pandas as pd
from kedro_datasets.pandas import CSVDataset

from face_forgery.datasets.verdict_tables import EMPTY_IS_MISSING, csv_text


class QuotedCSVDataset(CSVDataset):  # type: ignore[misc]
    """``pandas.CSVDataset`` for tables with names that users give.

    An empty field is a missing value, and nothing else is: an image may be called ``NA``. A name
    with a carriage return is quoted.
    """

    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = EMPTY_IS_MISSING
    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = {
        "open_args_save": {"mode": "w", "encoding": "utf-8", "newline": ""}
    }

    def save(self, data: pd.DataFrame) -> None:
        """Write the table in UTF-8 with LF line ends; its index is not part of it."""
        with self._fs.open(str(self._get_save_path()), **self._fs_open_args_save) as file:
            file.write(csv_text(data))
