"""The pictures that a user wants judged: a folder, a list, a pattern or one file to a table."""

import glob
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from face_forgery.data.images.name_lists import (
    NAME_COLUMN,
    PicturesError,
    is_list,
    name_no_formula,
    read_names,
)
from face_forgery.data.images.remote import fault_of_listed, is_url
from face_forgery.data.images.remote_listing import list_remote
from face_forgery.data.labels.image_names import UNSEEN

PICTURE_COLUMNS = {
    "img_name": "string",  # as the user would recognize it
    "path": "object",  # where it lies; a file name may hold bytes that no text type takes
    "problem": "string",  # known before reading; missing where there is none
}
logger = logging.getLogger(__name__)

_EMPTY_FOLDER = "a folder with no file in it"
_SHOWN_CHARACTERS = 200
_UNSEEN = re.compile(f"[{UNSEEN}]")

_Row = tuple[str, str, str | None]


def list_pictures(location: Path | str, *, parameter: str = "inference.images") -> pd.DataFrame:
    """List pictures without opening one.

    Args:
        location: One of

            - a folder: every file in it and below it, whatever its extension, in the order of the
              names; hidden files (``.name``) are left out. A folder without files gets a row.
            - a table (``.csv``, ``.tsv``, ``.txt``) with a column ``img_name``: paths relative to
              the table's folder, or absolute; one row each, in its order.
            - a pattern such as ``photos/**/*.jpg``: the files that match, in the order of names.
            - one file.

            A string with a scheme (``s3://``, ``gs://``, ...) is one of these behind that URL.
        parameter: What the user sets to name it, for messages.

    Returns:
        The columns of ``PICTURE_COLUMNS``. Names are relative to the folder, to the part of a
        pattern before its first wildcard, or as the table spells them. Files may have been named by
        a stranger: ``=x.jpg``, a formula to a spreadsheet, is ``./=x.jpg``, but not of a table.

    Raises:
        PicturesError: If nothing is there, a table lacks the column or names no file.
        RemoteError: If the place of a URL cannot be reached.
    """
    if isinstance(location, str) and is_url(location):
        rows: list[_Row] = list_remote(location)
    else:
        try:
            rows = _list_local(Path(location), parameter)
        except OSError as error:
            shown = str(location)[:_SHOWN_CHARACTERS]
            raise PicturesError(
                f"{shown}: it cannot be listed: {error.strerror or error} ({parameter})"
            ) from error
    columns = zip(*((printable(name), path, problem) for name, path, problem in rows), strict=True)
    series = zip(PICTURE_COLUMNS.items(), columns, strict=True)
    return pd.DataFrame({name: pd.Series(list(v), dtype=kind) for (name, kind), v in series})


def _list_local(location: Path, parameter: str) -> list[_Row]:
    if location.is_file() and is_list(location.name):
        return _read_list(location)
    rows = _list_files(location, parameter)
    return [(name_no_formula(name), path, problem) for name, path, problem in rows]


def _list_files(location: Path, parameter: str) -> list[_Row]:
    if location.is_dir():
        rows = sorted(_walk(location))
        if all(name == "." for name, _, _ in rows):
            problem = rows[0][2] if rows else _EMPTY_FOLDER
            raise PicturesError(f"{location}: {problem} ({parameter})")
        return rows
    if location.is_file():
        return [(location.name, str(location), None)]
    return _match(location, parameter)


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
    with table.open(encoding="utf-8-sig", newline="") as file:
        names = read_names(file, str(table))
    _warn_of_other_folders(table, names)
    return [
        (name, name if is_url(name) else str(table.parent / name), fault_of_listed(name))
        for name in names
    ]


def _warn_of_other_folders(table: Path, names: list[str]) -> None:
    """A table may name any picture that this machine can read; who made it should be known."""
    home = os.path.normpath(table.parent)
    outside = [
        name
        for name in names
        if not is_url(name)
        and not os.path.normpath(table.parent / name).startswith(home.rstrip(os.sep) + os.sep)
    ]
    if outside:
        logger.warning(
            "%s: %s of %s names lead out of its folder, the first to %r; it is read all the same",
            table,
            f"{len(outside):,}",
            f"{len(names):,}",
            outside[0],
        )


def _match(pattern: Path, parameter: str) -> list[_Row]:
    if not glob.has_magic(str(pattern)):
        raise PicturesError(
            f"{pattern}: there is no such file or folder ({parameter}; a folder, a table with "
            f"a column {NAME_COLUMN}, a pattern such as photos/**/*.jpg, or one file)"
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
    r"""Escape what would not be seen of a file name.

    Bytes that are not text, and characters that steer a terminal, break a row of a table or turn
    the reading direction.

    Example:
        >>> printable("a\r\u202egpj.exe")
        'a\\r\\u202egpj.exe'
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
