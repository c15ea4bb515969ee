"""Tables of verdicts, as CSV, Parquet or JSON lines. Needs no dataset of Kedro's."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

EMPTY_IS_MISSING: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
_VERDICT_TYPES = {"img_name": "string", "verdict": "string", "status": "string", "detail": "string"}
_ROWS_AT_ONCE = 100_000


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


def read_verdicts(location: str) -> pd.DataFrame:
    """Return the verdicts in a file at a path or a URL; its ending says the format."""
    ending = PurePosixPath(location).suffix.lower()
    if ending == ".parquet":
        return pd.read_parquet(location)
    if ending == ".jsonl":
        return pd.read_json(location, lines=True, dtype=_VERDICT_TYPES | {"y_pred": "float64"})
    return pd.concat(_read_csv(location), ignore_index=True)


def write_verdicts(rows: Path, path: Path, *, ending: str) -> None:
    """Bring a CSV of rows into the format that ``ending`` says."""
    if ending.lower() == ".parquet":
        schema = pa.schema([(name, pa.string()) for name in _VERDICT_TYPES])
        schema = schema.insert(1, pa.field("y_pred", pa.float64()))
        with pq.ParquetWriter(path, schema) as writer:
            for part in _read_csv(rows):
                writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))
    elif ending.lower() == ".jsonl":
        how: dict[str, Any] = {"orient": "records", "lines": True, "force_ascii": False}
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for part in _read_csv(rows):
                part.to_json(file, double_precision=15, **how)
    else:
        shutil.copyfile(rows, path)


def _read_csv(path: Path | str) -> Iterator[pd.DataFrame]:
    """Yield the rows as they were, so many at a time that memory stays flat."""
    types = _VERDICT_TYPES | {"y_pred": "float64"}
    parts = pd.read_csv(path, dtype=types, chunksize=_ROWS_AT_ONCE, **EMPTY_IS_MISSING)
    for part in parts:
        yield part.assign(detail=part["detail"].fillna(""))
