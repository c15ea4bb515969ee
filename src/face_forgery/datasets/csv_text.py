"""Tables to comma-separated values that every reader takes apart alike."""

import csv

import pandas as pd


def csv_text(table: pd.DataFrame, *, header: bool = True) -> str:
    """Return a table without its index, with LF line ends.

    Before 3.13 Python leaves a carriage return bare, which readers take for the end of a row: where
    there is one, all texts are quoted.
    """
    text = table.to_csv(index=False, header=header, lineterminator="\n")
    if "\r" in text:
        quoting = csv.QUOTE_NONNUMERIC
        return table.to_csv(index=False, header=header, lineterminator="\n", quoting=quoting)
    return text
