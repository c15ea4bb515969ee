"""Tables to comma-separated values that every reader takes apart alike."""

import csv
from typing import Any

import pandas as pd


def csv_text(table: pd.DataFrame, *, header: bool = True) -> str:
    """Return a table without its index, with LF line ends.

    Before 3.13 Python leaves a carriage return bare, which readers take for the end of a row: where
    there is one, all texts are quoted.
    """
    options: dict[str, Any] = {"index": False, "header": header, "lineterminator": "\n"}
    text: str = table.to_csv(**options)
    if "\r" in text:
        text = table.to_csv(**options, quoting=csv.QUOTE_NONNUMERIC)
    return text
