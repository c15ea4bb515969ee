"""Tables of verdicts in the formats that users ask for; memory stays flat while one is written."""

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

_TYPES = {"img_name": "string", "verdict": "string", "status": "string", "detail": "string"}
_ROWS_AT_ONCE = 100_000


def read_table(location: str) -> pd.DataFrame:
    """Return the verdicts in a file at a path or a URL; its ending says the format."""
    ending = PurePosixPath(location).suffix.lower()
    if ending == ".parquet":
        return pd.read_parquet(location)
    if ending == ".jsonl":
        return pd.read_json(location, lines=True, dtype=_TYPES | {"y_pred": "float64"})
    return pd.concat(_read_csv(location), ignore_index=True)


def write_table(rows: Path, path: Path, *, ending: str) -> None:
    """Bring a CSV of rows into the format that ``ending`` says."""
    if ending.lower() == ".parquet":
        _write_parquet(_read_csv(rows), path)
    elif ending.lower() == ".jsonl":
        _write_json_lines(_read_csv(rows), path)
    else:
        shutil.copyfile(rows, path)


def _read_csv(path: Path | str) -> Iterator[pd.DataFrame]:
    """Yield the rows as they were; an empty field is a missing value, and nothing else is."""
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
    parts = pd.read_csv(
        path, dtype=_TYPES | {"y_pred": "float64"}, chunksize=_ROWS_AT_ONCE, **options
    )
    for part in parts:
        yield part.assign(detail=part["detail"].fillna(""))


def _write_parquet(parts: Iterator[pd.DataFrame], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in _TYPES])
    schema = schema.insert(1, pa.field("y_pred", pa.float64()))
    with pq.ParquetWriter(path, schema) as writer:
        for part in parts:
            writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))


def _write_json_lines(parts: Iterator[pd.DataFrame], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for part in parts:
            part.to_json(file, orient="records", lines=True, double_precision=15, force_ascii=False)
