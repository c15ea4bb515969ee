"""The pictures that a user wants judged: a folder, a list, a pattern or one file to a table."""

import csv
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

PICTURE_COLUMNS = {
    "img_name": "string",  # as the user would recognize it
    "path": "object",  # where it lies; a file name may hold bytes that no text type takes
    "problem": "string",  # known before reading; missing where there is none
}
_LISTS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
_NAME_COLUMN = "img_name"
_EMPTY_FOLDER = "a folder with no file in it"
_EXAMPLES_SHOWN = 3

_Row = tuple[str, str, str | None]


class PicturesError(ValueError):
    """Nothing to judge: the message says what was looked for and where."""


def list_pictures(location: Path, *, parameter: str = "inference.images") -> pd.DataFrame:
    """List pictures without opening one.

    Args:
        location: One of

            - a folder: every file in it and below it, whatever its extension, in the order of the
              names; hidden files (``.name``) are left out. A folder without files gets a row.
            - a table (``.csv``, ``.tsv``, ``.txt``) with a column ``img_name``: paths relative to
              the table's folder, or absolute; one row each, in its order.
            - a pattern such as ``photos/**/*.jpg``: the files that match, in the order of names.
            - one file.
        parameter: What the user sets to name it, for messages.

    Returns:
        The columns of ``PICTURE_COLUMNS``. Names are relative to the folder, to the part of a
        pattern before its first wildcard, or as the table spells them.

    Raises:
        PicturesError: If nothing is there, a table lacks the column or names no file.
    """
    if location.is_dir():
        rows = sorted(_walk(location))
        if all(name == "." for name, _, _ in rows):
            problem = rows[0][2] if rows else _EMPTY_FOLDER
            raise PicturesError(f"{location}: {problem} ({parameter})")
    elif location.is_file():
        is_list = location.suffix.lower() in _LISTS
        rows = _read_list(location) if is_list else [(location.name, str(location), None)]
    else:
        rows = _match(location, parameter)
    columns = zip(*((printable(name), path, problem) for name, path, problem in rows), strict=True)
    series = zip(PICTURE_COLUMNS.items(), columns, strict=True)
    return pd.DataFrame({name: pd.Series(list(v), dtype=kind) for (name, kind), v in series})


def _walk(folder: Path) -> Iterator[_Row]:
    """Yield files and dead ends below ``folder``; follows links to folders, once each."""
    unlisted: list[OSError] = []
    seen = {folder.resolve()}
    for place, folders, files in os.walk(folder, onerror=unlisted.append, followlinks=True):
        here = Path(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = [name for name in files if not name.startswith(".")]
        name = here.relative_to(folder)
        if not folders and not files:
            yield name.as_posix(), place, _EMPTY_FOLDER
        for file in files:
            yield (name / file).as_posix(), str(here / file), None
        folders[:] = [below for below in sorted(folders) if _is_new(here / below, seen)]
    for error in unlisted:
        place = os.fsdecode(error.filename)
        name = Path(place).relative_to(folder)
        yield name.as_posix(), place, f"a folder that cannot be listed: {error.strerror}"


def _is_new(folder: Path, seen: set[Path]) -> bool:
    """Say whether no link has led to ``folder`` before, and remember it."""
    target = folder.resolve()
    is_new = target not in seen
    seen.add(target)
    return is_new


def _read_list(table: Path) -> list[_Row]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_LISTS[table.suffix.lower()], strict=True)
            lines = [(reader.line_num, values) for values in reader if values]
    except (csv.Error, UnicodeDecodeError) as error:
        raise PicturesError(f"{table}: not a table in UTF-8: {error}") from error
    _, header = lines[0] if lines else (0, [])
    if _NAME_COLUMN not in header:
        raise PicturesError(
            f"{table}: no column {_NAME_COLUMN!r}; the first line reads {header}. It must name the "
            "columns"
        )
    if not lines[1:]:
        raise PicturesError(f"{table}: a header and no row")
    column = header.index(_NAME_COLUMN)
    bad = [n for n, values in lines[1:] if len(values) != len(header) or not values[column].strip()]
    if bad:
        raise PicturesError(
            f"{table}: {len(bad)} of {len(lines) - 1} rows have no {_NAME_COLUMN} or not "
            f"{len(header)} value(s); first: line {', '.join(map(str, bad[:_EXAMPLES_SHOWN]))}. "
            "A name with a comma goes in double quotes"
        )
    names = [values[column].strip() for _, values in lines[1:]]
    return [(name, str(table.parent / name), None) for name in names]


def _match(pattern: Path, parameter: str) -> list[_Row]:
    if not glob.has_magic(str(pattern)):
        raise PicturesError(
            f"{pattern}: there is no such file or folder ({parameter}; a folder, a table with "
            f"a column {_NAME_COLUMN}, a pattern such as photos/**/*.jpg, or one file)"
        )
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if re.search(r"[*?[]", part))
    start = Path(*parts[:first])
    # As shells do it; Path.glob would list hidden files and not follow links.
    found = sorted(glob.glob(str(Path(*parts[first:])), root_dir=start, recursive=True))  # noqa: PTH207
    files = [(name, str(start / name), None) for name in found if (start / name).is_file()]
    if not files:
        raise PicturesError(
            f"{pattern}: no file below {start} matches {Path(*parts[first:])} ({parameter})"
        )
    return [(Path(name).as_posix(), path, problem) for name, path, problem in files]


def printable(name: str) -> str:
    """Escape bytes of a file name that are not text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
