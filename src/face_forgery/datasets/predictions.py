"""Verdicts on disk: written as they come, whole when they are done."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, Protocol

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from face_forgery.data.remote import is_url, open_file_system
from face_forgery.datasets.atomic import replacing
from face_forgery.datasets.part_files import PartFiles, remove_at, upload
from face_forgery.inference.job import Begun, PartOfJob

logger = logging.getLogger(__name__)

_TYPES = {"img_name": "string", "verdict": "string", "status": "string", "detail": "string"}
_ROWS_AT_ONCE = 100_000


class PredictionsDataset(AbstractDataset[PartOfJob, pd.DataFrame]):
    """A table of verdicts that grows part by part.

    Until the last part has come, the rows are in ``NAME.begun.csv`` beside it, which anybody may
    read meanwhile; ``NAME.begun.json`` says how much of that is whole. Then the table takes its
    place in one step. What a killed run leaves is continued by the next one.

    Where pictures are cut to their faces, ``NAME_faces.csv`` beside it has a row a judged face.

    At a URL the rows are in the folder ``NAME.begun`` meanwhile, a file a part.

    Args:
        filepath: Its ending says the format: ``.csv``, ``.parquet`` or ``.jsonl``.
        metadata: For Kedro-Viz and tracking.

    Example catalog entry::

        predictions:
          type: face_forgery.datasets.predictions.PredictionsDataset
          filepath: ${params:inference.output}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath
        self._is_open = False
        self.metadata = metadata

    def save(self, data: PartOfJob) -> None:
        """Add a part; the last one makes the table whole.

        Raises:
            DatasetError: If the part does not follow what is written.
        """
        journal = _journal_of(self._filepath)
        if not self._is_open:
            journal.open_at(data)
            self._is_open = True
        journal.append(data)
        if data.end == data.total:
            journal.finish()
            self._is_open = False

    def load(self) -> pd.DataFrame:
        """Return the whole table."""
        ending = PurePosixPath(self._filepath).suffix.lower()
        if ending == ".parquet":
            return pd.read_parquet(self._filepath)
        if ending == ".jsonl":
            return pd.read_json(self._filepath, lines=True, dtype=_TYPES | {"y_pred": "float64"})
        return pd.concat(_read_csv(self._filepath), ignore_index=True)

    def preview(self, nrows: int = 5) -> TablePreview:
        """Show the first rows in Kedro-Viz."""
        head = self.load().head(nrows).astype(object)
        return TablePreview(head.where(head.notna(), None).to_dict(orient="split"))

    def _exists(self) -> bool:
        if is_url(self._filepath):
            system, path = open_file_system(self._filepath)
            return bool(system.exists(path))
        return Path(self._filepath).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class BegunPredictionsDataset(AbstractDataset[NoReturn, Begun | None]):
    """What an interrupted job has left beside ``filepath``; ``None`` if nothing.

    Example catalog entry::

        predictions_begun:
          type: face_forgery.datasets.predictions.BegunPredictionsDataset
          filepath: ${params:inference.output}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> Begun | None:
        """Return the job and the number of its verdicts that are whole."""
        return _journal_of(self._filepath).read_begun()

    def save(self, data: NoReturn) -> None:
        """Refuse: it is written with the predictions."""
        raise DatasetError("what has begun is only read; save to predictions")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class _Journal(Protocol):
    """Rows that are written so far, and how many of them are whole."""

    def read_begun(self) -> Begun | None:
        """Return the job and the number of its rows; ``None`` if there is nothing whole."""

    def open_at(self, part: PartOfJob) -> None:
        """Cut off what is not whole, or begin anew if ``part`` is the first of its job."""

    def append(self, part: PartOfJob) -> None:
        """Write the rows of ``part`` behind the others."""

    def finish(self) -> None:
        """Have the whole table take its place, and forget the job."""


def _journal_of(location: str) -> _Journal:
    return _RemoteJournal(location) if is_url(location) else _LocalJournal(Path(location))


class _RemoteJournal:
    """A file a part at a URL; the table is made on this machine and replaces another in one step."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._parts = PartFiles(url)

    def read_begun(self) -> Begun | None:
        return self._parts.read_begun()

    def open_at(self, part: PartOfJob) -> None:
        begun = self.read_begun()
        if part.start == 0:
            _warn_of_dropping(begun, self._parts.url)
            self._parts.remove()
        elif begun != Begun(part.job, part.start):
            raise _does_not_follow(part, self._parts.url)
        else:
            _log_continuing(part)

    def append(self, part: PartOfJob) -> None:
        if len(part.rows) or part.start == 0:
            tables = {name: _to_csv(table).encode() for name, table in _tables(part).items()}
            self._parts.add(part.job, part.start, part.end, tables)

    def finish(self) -> None:
        with TemporaryDirectory() as folder:
            table = Path(folder) / PurePosixPath(self._url).name
            rows, faces = table.with_name("rows"), _faces_of(table)
            self._parts.gather("rows", rows)
            _write_table(rows, table)
            if self._parts.gather("faces", faces):
                upload(faces, _faces_url(self._url))
            else:
                remove_at(_faces_url(self._url))  # of another detector
            upload(table, self._url)
        self._parts.remove()


class _LocalJournal:
    """Rows in one file, and how many bytes of it are whole in another."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._rows_file = target.with_name(f"{target.name}.begun.csv")
        self._faces_file = target.with_name(f"{target.name}.begun_faces.csv")
        self._state_file = target.with_name(f"{target.name}.begun.json")

    def read_begun(self) -> Begun | None:
        state = self._read_state()
        return None if state is None else Begun(state["job"], state["num_rows"])

    def _read_state(self) -> dict[str, Any] | None:
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
                f"delete it and {self._rows_file.name} to begin anew"
            ) from error
        return state if is_whole else None

    def open_at(self, part: PartOfJob) -> None:
        state = self._read_state()
        if part.start == 0:
            _warn_of_dropping(self.read_begun(), self._rows_file)
            self._begin(part)
            return
        if state is None or (state["job"], state["num_rows"]) != (part.job, part.start):
            raise _does_not_follow(part, self._rows_file)
        for name, size in state["num_bytes"].items():
            os.truncate(self._file(name), size)
        _log_continuing(part)

    def append(self, part: PartOfJob) -> None:
        for name, table in _tables(part).items():
            with self._file(name).open("a", encoding="utf-8", newline="") as file:
                file.write(_to_csv(table, header=False))
                file.flush()
                os.fsync(file.fileno())
        self._write_state(part, num_rows=part.end)

    def finish(self) -> None:
        if self._faces_file.exists():
            self._faces_file.replace(_faces_of(self._target))
        else:
            _faces_of(self._target).unlink(missing_ok=True)  # of another detector
        if self._target.suffix.lower() == ".csv":
            self._rows_file.replace(self._target)
        else:
            with replacing(self._target) as partial:
                _write_table(self._rows_file, partial, ending=self._target.suffix)
        self._remove()

    def _remove(self) -> None:
        for file in (self._state_file, self._rows_file, self._faces_file):
            file.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return {"rows": self._rows_file, "faces": self._faces_file}[name]

    def _begin(self, part: PartOfJob) -> None:
        self._rows_file.parent.mkdir(parents=True, exist_ok=True)
        self._remove()
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


def _to_csv(table: pd.DataFrame, *, header: bool = True) -> str:
    return table.to_csv(index=False, header=header, lineterminator="\n")


def _faces_of(table: Path) -> Path:
    return table.with_name(f"{table.stem}_faces.csv")


def _faces_url(url: str) -> str:
    return f"{url.rpartition('.')[0]}_faces.csv"


def _log_continuing(part: PartOfJob) -> None:
    logger.info(
        "Continuing an interrupted job: %s of %s pictures are judged",
        f"{part.start:,}",
        f"{part.total:,}",
    )


def _warn_of_dropping(begun: Begun | None, place: Path | str) -> None:
    if begun is not None and begun.num_rows:
        logger.warning(
            "%s: %s verdicts of another job (other pictures, settings or another detector) "
            "are dropped; it had been interrupted",
            place,
            f"{begun.num_rows:,}",
        )


def _does_not_follow(part: PartOfJob, place: Path | str) -> DatasetError:
    return DatasetError(
        f"{place}: row {part.start} does not follow what is written; is another run writing to the "
        "same file? Give this one its own inference.output"
    )


def _write_table(rows: Path, path: Path, *, ending: str | None = None) -> None:
    """Bring a CSV of rows into the format that ``ending``, or the name of ``path``, says."""
    ending = (path.suffix if ending is None else ending).lower()
    if ending == ".parquet":
        _write_parquet(_read_csv(rows), path)
    elif ending == ".jsonl":
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
