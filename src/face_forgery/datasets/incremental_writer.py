"""Tables that are written part by part, so that a killed run can be continued."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd

from face_forgery.data.images.remote import is_url, reach
from face_forgery.datasets.atomic import FileError, replacing
from face_forgery.datasets.verdict_tables import csv_text

_NAME = re.compile(r"(?P<job>\w+)-(?P<start>\d{12})-(?P<end>\d{12})-rows\.csv")


class Part(NamedTuple):
    """Where rows belong: the items ``start`` to ``end`` of a job."""

    job: str
    start: int
    end: int

    def file(self, table: str) -> str:
        """Return the name of the part's file of a table."""
        return f"{self.job}-{self.start:012d}-{self.end:012d}-{table}.csv"


class IncrementalWriter:
    """The parts of a table, a CSV each, in the folder ``NAME.begun`` until the table is whole.

    A part is whole once its file of the table ``rows`` is there: files appear in one step, and
    that one is written last. ``location`` is the path or URL of the table that the parts become.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self.folder = f"{location}.begun"
        self._files = _Folder(self.folder)
        self._last: Part | None = None  # that this writer has written

    def read_last(self) -> Part | None:
        """Return the last of the whole parts that follow one another; ``None`` if none are."""
        parts = self._parts()
        return parts[-1] if parts else None

    def add(self, part: Part, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write a part: its ``rows``, and other tables if there are any.

        Raises:
            FileError: If the part before it is gone.
        """
        if self._last is not None and self._last.file("rows") not in self._files:
            raise self._gone()
        for table in sorted(tables, key=lambda name: name == "rows"):  # rows are written last
            rows = csv_text(tables[table], header=False)  # which may quote all texts
            header = ",".join(tables[table].columns)
            self._files.write(part.file(table), f"{header}\n{rows}".encode())
        self._last = part

    def check_complete(self, end: int) -> None:
        """Raise FileError if the parts do not follow one another up to ``end``."""
        if (last := self.read_last()) is None or last.end != end:
            raise self._gone()

    def has(self, table: str) -> bool:
        """Return whether the parts have a file of ``table``."""
        parts = self._parts()
        return bool(parts) and parts[0].file(table) in self._files

    def gather(self, table: str, path: Path, *, is_row_an_item: bool = False) -> None:
        """Put the parts of ``table`` behind one another into a file of this machine.

        Raises:
            FileError: If a row is an item, and a file does not have as many as it should.
        """
        with path.open("wb") as file:
            for part in self._parts():
                content = self._files.read(part.file(table))
                if is_row_an_item:
                    self._check_rows(part, content)
                header, _, rows = content.partition(b"\n")
                file.write(rows if file.tell() else header + b"\n" + rows)

    def remove(self) -> None:
        """Forget the parts."""
        self._files.remove()
        self._last = None

    def _parts(self) -> list[Part]:
        """Return the whole parts of one job that follow one another from the first item."""
        found = [match for name in self._files.names() if (match := _NAME.fullmatch(name))]
        by_start = {
            int(match["start"]): Part(match["job"], int(match["start"]), int(match["end"]))
            for match in sorted(found, key=lambda match: match.string)
        }
        parts: list[Part] = []
        while (part := by_start.get(parts[-1].end if parts else 0)) and part not in parts:
            parts.append(part)
        return [part for part in parts if part.job == parts[0].job]

    def _check_rows(self, part: Part, content: bytes) -> None:
        num_rows = max(0, sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""))) - 1)
        if num_rows != part.end - part.start:
            raise FileError(
                f"{self.folder}/{part.file('rows')}: it holds {num_rows:,} rows, and "
                f"{part.end - part.start:,} were written: somebody changed it. Delete it and give "
                "the same command again: what is missing is made anew"
            )

    def _gone(self) -> FileError:
        last = self.read_last()
        return FileError(
            f"{self.folder}: it holds {0 if last is None else last.end:,} that follow one another, "
            "and more were written: somebody deleted a part while the run was under way. Give the "
            "same command again: what is missing is made anew"
        )


def publish(location: str, write: Callable[[Path], object]) -> None:
    """Have ``write`` make a file, which takes the place of the one at a path or a URL."""
    if not is_url(location):
        with replacing(Path(location)) as partial:
            write(partial)
        return
    system, target = reach(location)
    folder, _, name = target.rpartition("/")
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / name
        write(path)
        system.makedirs(folder, exist_ok=True)
        system.put_file(str(path), f"{folder}/.{name}.partial")
    system.mv(f"{folder}/.{name}.partial", target)


def remove_file(location: str) -> None:
    """Remove the file at a path or a URL if there is one."""
    system, target = reach(location)
    if system.exists(target):
        system.rm_file(target)


class _Folder:
    """A folder of this machine or of a bucket; its files appear in one step."""

    def __init__(self, location: str) -> None:
        self._is_local = not is_url(location)
        self._system, self._path = reach(location)

    def __contains__(self, name: str) -> bool:
        self._system.invalidate_cache()
        return bool(self._system.exists(f"{self._path}/{name}"))

    def names(self) -> list[str]:
        self._system.invalidate_cache()
        if not self._system.exists(self._path):
            return []
        paths = self._system.ls(self._path, detail=False)
        return [PurePosixPath(str(path)).name for path in paths]

    def read(self, name: str) -> bytes:
        content: bytes = self._system.cat_file(f"{self._path}/{name}")
        return content

    def write(self, name: str, content: bytes) -> None:
        if self._is_local:
            with replacing(Path(self._path) / name) as partial:
                partial.write_bytes(content)
        else:
            self._system.makedirs(self._path, exist_ok=True)
            self._system.pipe_file(f"{self._path}/{name}", content)

    def remove(self) -> None:
        self._system.invalidate_cache()
        if self._system.exists(self._path):
            self._system.rm(self._path, recursive=True)
