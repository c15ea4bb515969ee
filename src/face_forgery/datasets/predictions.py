"""Verdicts on disk: written as they come, whole when they are done."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from face_forgery.datasets.atomic import replacing
from face_forgery.inference.job import Begun, PartOfJob

logger = logging.getLogger(__name__)

FORMATS = (".csv", ".parquet", ".jsonl")
_TYPES = {"img_name": "string", "verdict": "string", "status": "string", "detail": "string"}
_ROWS_AT_ONCE = 100_000


class PredictionsDataset(AbstractDataset[PartOfJob, pd.DataFrame]):
    """A table of verdicts that grows part by part.

    Until the last part has come, the rows are in ``NAME.begun.csv`` beside it, which anybody may
    read meanwhile; ``NAME.begun.json`` says how much of that is whole. Then the table takes its
    place in one step. What a killed run leaves is continued by the next one.

    Where pictures are cut to their faces, ``NAME_faces.csv`` beside it has a row a judged face.

    Args:
        filepath: Its ending says the format: ``.csv``, ``.parquet`` or ``.jsonl``.
        metadata: For Kedro-Viz and tracking.

    Example catalog entry::

        predictions:
          type: face_forgery.datasets.predictions.PredictionsDataset
          filepath: ${params:inference.output}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self._journal = _Journal(self._filepath)
        self._is_open = False
        self.metadata = metadata

    def save(self, data: PartOfJob) -> None:
        """Add a part; the last one makes the table whole.

        Raises:
            DatasetError: If the part does not follow what is written.
        """
        if not self._is_open:
            self._journal.open_at(data)
            self._is_open = True
        self._journal.append(data)
        if data.end == data.total:
            self._finish()
            self._is_open = False

    def load(self) -> pd.DataFrame:
        """Return the whole table."""
        if self._format == ".parquet":
            return pd.read_parquet(self._filepath)
        if self._format == ".jsonl":
            return pd.read_json(self._filepath, lines=True, dtype=_TYPES | {"y_pred": "float64"})
        return pd.concat(_read_csv(self._filepath), ignore_index=True)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz."""
        head = self.load().head(nrows).astype(object)
        return TablePreview(head.where(head.notna(), None).to_dict(orient="split"))

    @property
    def _faces_path(self) -> Path:
        return self._filepath.with_name(f"{self._filepath.stem}_faces.csv")

    @property
    def _format(self) -> str:
        return self._filepath.suffix.lower()

    def _finish(self) -> None:
        rows, faces = self._journal.rows_file, self._journal.faces_file
        if faces.exists():
            faces.replace(self._faces_path)
        else:
            self._faces_path.unlink(missing_ok=True)  # of another detector
        if self._format == ".csv":
            rows.replace(self._filepath)
        else:
            with replacing(self._filepath) as partial:
                write = _write_parquet if self._format == ".parquet" else _write_json_lines
                write(_read_csv(rows), partial)
        self._journal.remove()

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class BegunPredictionsDataset(AbstractDataset[NoReturn, Begun | None]):
    """What an interrupted job has left beside ``filepath``; ``None`` if nothing.

    Example catalog entry::

        predictions_begun:
          type: face_forgery.datasets.predictions.BegunPredictionsDataset
          filepath: ${params:inference.output}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Begun | None:
        """Return the job and the number of its verdicts that are whole on disk."""
        state = _Journal(self._filepath).read_state()
        return None if state is None else Begun(state["job"], state["num_rows"])

    def save(self, data: NoReturn) -> None:
        """Refuse: it is written with the predictions."""
        raise DatasetError("what has begun is only read; save to predictions")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class _Journal:
    """Rows that are written so far, and how many bytes of each file are whole."""

    def __init__(self, target: Path) -> None:
        self.rows_file = target.with_name(f"{target.name}.begun.csv")
        self.faces_file = target.with_name(f"{target.name}.begun_faces.csv")
        self._state_file = target.with_name(f"{target.name}.begun.json")

    def read_state(self) -> dict[str, Any] | None:
        """Return ``job``, ``num_rows``, ``num_bytes``; ``None`` if there is nothing whole."""
        try:
            state: dict[str, Any] = json.loads(self._state_file.read_text(encoding="utf-8"))
            sizes = {name: self._file(name).stat().st_size for name in state["num_bytes"]}
            is_whole = all(sizes[name] >= size for name, size in state["num_bytes"].items())
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"{self._state_file}: this is not the state of an interrupted job ({error}); "
                f"delete it and {self.rows_file.name} to begin anew"
            ) from error
        return state if is_whole else None

    def open_at(self, part: PartOfJob) -> None:
        """Cut off what is not whole, or begin anew if ``part`` is the first of its job."""
        state = self.read_state()
        if part.start == 0:
            self._warn_of_dropping(state)
            self._begin(part)
            return
        if state is None or (state["job"], state["num_rows"]) != (part.job, part.start):
            raise DatasetError(
                f"{self.rows_file}: row {part.start} does not follow what is written; is another "
                "run writing to the same file? Give this one its own inference.output"
            )
        for name, size in state["num_bytes"].items():
            os.truncate(self._file(name), size)
        logger.info(
            "Continuing an interrupted job: %s of %s pictures are judged",
            f"{part.start:,}",
            f"{part.total:,}",
        )

    def append(self, part: PartOfJob) -> None:
        """Write the rows of ``part`` behind the others, and then that they are whole."""
        for name, table in _tables(part).items():
            with self._file(name).open("a", encoding="utf-8", newline="") as file:
                table.to_csv(file, index=False, header=False, lineterminator="\n")
                file.flush()
                os.fsync(file.fileno())
        self._write_state(part, num_rows=part.end)

    def remove(self) -> None:
        """Forget the job: its tables are whole."""
        for file in (self._state_file, self.rows_file, self.faces_file):
            file.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return {"rows": self.rows_file, "faces": self.faces_file}[name]

    def _warn_of_dropping(self, state: dict[str, Any] | None) -> None:
        if state is not None and state["num_rows"]:
            logger.warning(
                "%s: %s verdicts of another job (other pictures, settings or another detector) "
                "are dropped; it had been interrupted",
                self.rows_file,
                f"{state['num_rows']:,}",
            )

    def _begin(self, part: PartOfJob) -> None:
        self.rows_file.parent.mkdir(parents=True, exist_ok=True)
        self.remove()
        for name, table in _tables(part).items():
            header = ",".join(table.columns) + "\n"
            self._file(name).write_text(header, encoding="utf-8", newline="\n")
        self._write_state(part, num_rows=0)

    def _write_state(self, part: PartOfJob, *, num_rows: int) -> None:
        state = {
            "job": part.job,
            "num_rows": num_rows,
            "total": part.total,
            "num_bytes": {name: self._file(name).stat().st_size for name in _tables(part)},
        }
        with replacing(self._state_file) as partial:
            partial.write_text(json.dumps(state), encoding="utf-8")


def _tables(part: PartOfJob) -> dict[str, pd.DataFrame]:
    return {"rows": part.rows} if part.faces is None else {"rows": part.rows, "faces": part.faces}


def _read_csv(path: Path) -> Iterator[pd.DataFrame]:
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
