"""What is written of a job that is under way, so that a killed one can be continued."""

import json
import logging
import os
import shutil
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pandas as pd

from face_forgery.data.images.remote import is_url
from face_forgery.datasets.appending import append, check_size
from face_forgery.datasets.atomic import replacing
from face_forgery.datasets.csv_text import csv_text
from face_forgery.datasets.errors import FileError
from face_forgery.datasets.part_files import PartFiles, remove_at, upload
from face_forgery.datasets.verdict_tables import write_table
from face_forgery.inference.job import Begun, PartOfJob

logger = logging.getLogger(__name__)


class Journal(Protocol):
    """Rows that are written so far, and how many of them are whole."""

    def read_begun(self) -> Begun | None:
        """Return the job and the number of its rows; ``None`` if there is nothing whole."""

    def open_at(self, part: PartOfJob) -> None:
        """Cut off what is not whole, or begin anew if ``part`` is the first of its job."""

    def append(self, part: PartOfJob) -> None:
        """Write the rows of ``part`` behind the others."""

    def finish(self) -> None:
        """Have the whole table take its place, and forget the job."""


def journal_of(location: str) -> Journal:
    """Return the journal of the table at a path or a URL."""
    return _RemoteJournal(location) if is_url(location) else _LocalJournal(Path(location))


class _RemoteJournal:
    """A file a part at a URL; the table is made on this machine, then takes its place there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._parts = PartFiles(url)
        self._written: Begun | None = None

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
            tables = {name: csv_text(table).encode() for name, table in _tables(part).items()}
            self._parts.add(part.job, part.start, part.end, tables)
        self._written = Begun(part.job, part.end)

    def finish(self) -> None:
        found = self.read_begun()
        if found != self._written:
            raise FileError(
                f"{self._parts.url}: it holds {0 if found is None else found.num_rows:,} verdicts "
                "that follow one another, and more were written: somebody deleted a part while the "
                "job was under way. Give the same command again: it judges anew what is missing"
            )
        with TemporaryDirectory() as folder:
            table = Path(folder) / PurePosixPath(self._url).name
            rows, faces = table.with_name("rows"), _faces_of(table)
            self._parts.gather("rows", rows)
            write_table(rows, table)
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
        self._num_bytes: dict[str, int] = {}  # of each file, as this job has left it

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
            raise FileError(
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
        self._num_bytes = state["num_bytes"]
        _log_continuing(part)

    def append(self, part: PartOfJob) -> None:
        self._check_sizes()
        for name, table in _tables(part).items():
            append(self._file(name), csv_text(table, header=False))
        self._write_state(part, num_rows=part.end)

    def _check_sizes(self) -> None:
        for name, num_bytes in self._num_bytes.items():
            check_size(self._file(name), num_bytes)

    def finish(self) -> None:
        """Copy: a run that is killed in between is continued, with nothing left to do."""
        self._check_sizes()
        if self._faces_file.exists():
            with replacing(_faces_of(self._target)) as partial:
                shutil.copyfile(self._faces_file, partial)
        else:
            _faces_of(self._target).unlink(missing_ok=True)  # of another detector
        with replacing(self._target) as partial:
            write_table(self._rows_file, partial, ending=self._target.suffix)
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
        self._num_bytes = {name: self._file(name).stat().st_size for name in _tables(part)}
        state = {
            "job": part.job,
            "num_rows": num_rows,
            "total": part.total,
            "num_bytes": self._num_bytes,
        }
        with replacing(self._state_file) as partial:
            partial.write_text(json.dumps(state), encoding="utf-8")


def _tables(part: PartOfJob) -> dict[str, pd.DataFrame]:
    return {"rows": part.rows} if part.faces is None else {"rows": part.rows, "faces": part.faces}


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


def _does_not_follow(part: PartOfJob, place: Path | str) -> FileError:
    return FileError(
        f"{place}: row {part.start} does not follow what is written; is another run writing to the "
        "same file? Give this one its own inference.output"
    )
