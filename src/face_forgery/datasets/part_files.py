"""Verdicts on their way to a URL: a file a part, for buckets cannot append to a file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from face_forgery.data.images.remote import open_file_system
from face_forgery.inference.job import Begun

_NAME = re.compile(r"(?P<job>\w+)-(?P<start>\d{12})-(?P<end>\d{12})-rows\.csv")
_FILES_AT_ONCE = 100


class _Part(NamedTuple):
    job: str
    start: int
    end: int

    def name(self, table: str) -> str:
        return f"{self.job}-{self.start:012d}-{self.end:012d}-{table}.csv"


class PartFiles:
    """The parts of an interrupted job in the folder ``URL.begun``.

    A part is whole once the file of its rows is there: files of a bucket appear in one step, and
    the rows are written last.

    Args:
        url: Of the table that the parts will become.
    """

    def __init__(self, url: str) -> None:
        self._system, target = open_file_system(url)
        self.folder = f"{target}.begun"
        self.url = f"{url}.begun"

    def read_begun(self) -> Begun | None:
        """Return the job and the number of its verdicts that are whole; ``None`` if none are."""
        parts = self._parts()
        return Begun(parts[-1].job, parts[-1].end) if parts else None

    def add(self, job: str, start: int, end: int, tables: dict[str, bytes]) -> None:
        """Write the CSVs of a part, ``rows`` and where pictures are cut ``faces``."""
        part = _Part(job, start, end)
        self._system.makedirs(self.folder, exist_ok=True)
        for table in sorted(tables):  # faces before rows
            self._system.pipe_file(self._path(part, table), tables[table])

    def gather(self, table: str, path: Path) -> bool:
        """Put the parts of ``table`` behind one another into a file of this machine.

        Returns:
            Whether the table has a part.
        """
        names = [self._path(part, table) for part in self._parts()]
        if not names or not self._system.exists(names[0]):
            return False
        with path.open("wb") as file:
            for content in self._read(names):
                header, rows = content.split(b"\n", maxsplit=1)
                file.write(rows if file.tell() else header + b"\n" + rows)
        return True

    def remove(self) -> None:
        """Forget the job."""
        self._system.invalidate_cache()
        if self._system.exists(self.folder):
            self._system.rm(self.folder, recursive=True)

    def _parts(self) -> list[_Part]:
        """Return the whole parts of one job that follow one another from the first picture."""
        self._system.invalidate_cache()
        if not self._system.exists(self.folder):
            return []
        names = (Path(str(path)).name for path in self._system.ls(self.folder, detail=False))
        found = [match for name in names if (match := _NAME.fullmatch(name))]
        by_start = {
            int(match["start"]): _Part(match["job"], int(match["start"]), int(match["end"]))
            for match in sorted(found, key=lambda match: match.string)
        }
        parts: list[_Part] = []
        while (part := by_start.get(parts[-1].end if parts else 0)) and part not in parts:
            parts.append(part)
        return [part for part in parts if part.job == parts[0].job]

    def _path(self, part: _Part, table: str) -> str:
        return f"{self.folder}/{part.name(table)}"

    def _read(self, names: list[str]) -> Iterator[bytes]:
        for start in range(0, len(names), _FILES_AT_ONCE):
            chosen = names[start : start + _FILES_AT_ONCE]
            contents: dict[str, bytes] = self._system.cat(chosen)
            yield from (contents[name] for name in chosen)


def upload(path: Path, url: str) -> None:
    """Have the file at ``url`` be replaced by ``path`` in one step."""
    system, target = open_file_system(url)
    folder, _, name = target.rpartition("/")
    partial = f"{folder}/.{name}.partial"
    system.makedirs(folder, exist_ok=True)
    system.put_file(str(path), partial)
    system.mv(partial, target)


def remove_at(url: str) -> None:
    """Remove the file at ``url`` if there is one."""
    system, target = open_file_system(url)
    if system.exists(target):
        system.rm_file(target)
