"""The images or videos that you want judged: a folder, a table, a pattern, a file or a URL.

What is on a disk is walked by hand and not by fsspec: links are followed once, a folder that is
empty or cannot be read gets a row of its own, and a file name may hold bytes that are not text.
"""

import csv
import glob
import logging
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TextIO

import pandas as pd
from fsspec import AbstractFileSystem

from face_forgery.data.file_kinds import HEAD_BYTES, kind_of
from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.remote import fault_of_listed, is_url, open_file_system
from face_forgery.data.labels.manifest import UNSEEN, shorten, show_columns, show_examples
from face_forgery.data.redaction import mask
from face_forgery.limits import MAX_COLUMNS, MAX_LINE

logger = logging.getLogger(__name__)

LISTING_COLUMNS = {
    "img_name": "string",  # as you would recognize it
    "path": "object",  # a path or a URL; a file name may hold bytes that no text type takes
    "problem": "string",  # known before reading; missing where there is none
}
VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".wmv", ".asf", ".flv", ".3gp", ".3g2", ".ogv"),
)
_LITTER = ("thumbs.db", "desktop.ini", "__macosx")  # of file managers; hidden files are some, too
_SEPARATORS = {".csv": ",", ".txt": ",", ".tsv": "\t"}  # by the ending of the table's name
_NAME_COLUMN = "img_name"
_GIVEN = (
    f"a folder, a table with a column {_NAME_COLUMN}, a pattern such as photos/**/*.jpg, "
    "or one file"
)
_EMPTY_FOLDER = "a folder with no file in it"
_EXAMPLES_SHOWN = 3
_SHOWN_CHARACTERS = 200
_FORMULA = ("=", "+", "-", "@")
_UNSEEN = re.compile(f"[{UNSEEN}]")

_Row = tuple[str, str, str | None]


def list_images(location: Path | str, *, parameter: str = "inference.images") -> pd.DataFrame:
    """List images without opening one: ``LISTING_COLUMNS``.

    ``location`` is one of these, or a URL (``s3://``, ``gs://``, ...) of one:

    - a folder: every file in it and below it, whatever its extension, in the order of the names;
      hidden files (``.name``) are left out. A folder without files gets a row.
    - a table (``.csv``, ``.tsv``, ``.txt``) with a column ``img_name``: paths relative to the
      table's folder, absolute paths or URLs; one row each, in its order.
    - a pattern such as ``photos/**/*.jpg``: the files that match, in the order of names.
    - one file.

    Names are relative to the folder, to the part of a pattern before its first wildcard, or as the
    table spells them. Files may have been named by a stranger: ``=x.jpg``, a formula to a
    spreadsheet, is ``./=x.jpg``, but not of a table. Messages call what you set ``parameter``.

    Raises:
        InputError: If nothing is there, a table lacks the column or names no file, or a URL cannot
            be reached.
    """
    try:
        if isinstance(location, str) and is_url(location):
            rows = _list_remote(location)
        else:
            rows = _list_local(Path(location), parameter)
    except OSError as error:
        shown, reason = mask(str(location))[:_SHOWN_CHARACTERS], mask(str(error.strerror or error))
        raise InputError(f"{shown}: it cannot be listed: {reason} ({parameter})") from error
    columns = zip(*((printable(name), path, problem) for name, path, problem in rows), strict=True)
    series = zip(LISTING_COLUMNS.items(), columns, strict=True)
    return pd.DataFrame({name: pd.Series(list(v), dtype=kind) for (name, kind), v in series})


def list_videos(location: Path | str, *, parameter: str = "video.videos") -> pd.DataFrame:
    """List videos without opening one, as `list_images` does, but for URLs.

    Of a folder, and of a pattern, only files whose names end as those of videos do
    (``VIDEO_SUFFIXES``); one file, or the files of a table, whatever they are called.

    Raises:
        InputError: If nothing is there, nothing that is called as a video is, or it is a URL.
    """
    if isinstance(location, str):
        raise InputError(
            f"{location}: a URL; videos are read from files ({parameter}): copy them first"
        )
    files = list_images(location, parameter=parameter)
    if not location.is_dir() and not glob.has_magic(str(location)):
        return files
    endings = files["path"].map(lambda path: Path(path).suffix.lower())
    videos = files[endings.isin(VIDEO_SUFFIXES)].reset_index(drop=True)
    if videos.empty:
        raise InputError(
            f"{location}: none of {len(files):,} file(s) is called as a video ({parameter}; "
            f"{' '.join(VIDEO_SUFFIXES)}). Images are judged by: kedro run --pipelines inference "
            f"--params inference.images={location}"
        )
    return videos


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


def read_names(file: TextIO, shown: str) -> list[str]:
    """Return the column ``img_name`` of a table, in its order.

    ``file`` was opened with ``encoding="utf-8-sig"`` and ``newline=""``; ``shown`` is its path or
    URL, whose ending says the separator.

    Raises:
        InputError: If it is no table, lacks the column or names no file.
    """
    separator = _SEPARATORS[PurePosixPath(shown).suffix.lower()]
    names: list[str] = []
    bad: list[int] = []  # lines, the first of them
    num_rows = 0
    try:
        reader = csv.reader(_lines_of(file, shown), delimiter=separator, strict=True)
        rows = filter(None, reader)
        header = next(rows, [])
        column = _name_column(header, shown)
        for values in rows:
            num_rows += 1
            if len(values) == len(header) and (name := values[column].strip()):
                names.append(name)
            elif len(bad) < _EXAMPLES_SHOWN:
                bad.append(reader.line_num)
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{shown}: not a table in UTF-8: {error}") from error
    if not num_rows:
        raise InputError(f"{shown}: a header and no row")
    if bad:
        raise InputError(
            f"{shown}: {num_rows - len(names)} of {num_rows} rows have no {_NAME_COLUMN} or not "
            f"{len(header)} value(s); first: line {', '.join(map(str, bad))}. "
            "A name with a comma goes in double quotes"
        )
    return names


def _lines_of(file: TextIO, shown: str) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            raise InputError(
                f"{shown}: line {number} has {MAX_LINE:,} characters or more: is it a table?"
            )
        if "\0" in line:
            raise InputError(
                f"{shown}: line {number} holds a NUL byte: is the table damaged, or UTF-16 without "
                "its mark? Save it as UTF-8"
            )
        yield line


def _name_column(header: list[str], shown: str) -> int:
    if len(header) > MAX_COLUMNS:
        raise InputError(
            f"{shown}: {len(header):,} columns, more than the {MAX_COLUMNS:,} that are read; keep "
            f"the column {_NAME_COLUMN}"
        )
    if header.count(_NAME_COLUMN) > 1:
        raise InputError(
            f"{shown}: the header names the column {_NAME_COLUMN!r} twice: {show_columns(header)}"
        )
    if _NAME_COLUMN not in header:
        raise InputError(
            f"{shown}: no column {_NAME_COLUMN!r}; the first line reads {show_columns(header)}. "
            "It must name the columns"
        )
    return header.index(_NAME_COLUMN)


def _is_table(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _SEPARATORS


def without_formula(name: str) -> str:
    """Write a name that a spreadsheet would compute as another one of the same file."""
    return f"./{name}" if name.startswith(_FORMULA) else name


def _list_local(location: Path, parameter: str) -> list[_Row]:
    if location.is_dir():
        left: list[str] = []
        rows = sorted(_walk(location, left))
        if left:
            shown = show_examples(sorted(left)[:_EXAMPLES_SHOWN])
            logger.info("%s: %d hidden or system file(s) left out: %s", location, len(left), shown)
        if all(name == "." for name, _, _ in rows):
            problem = rows[0][2] if rows else _EMPTY_FOLDER
            raise InputError(f"{location}: {problem} ({parameter})")
    elif not location.is_file():
        rows = _match(location, parameter)
    elif _is_table(location.name):
        return _read_table(location, parameter)
    else:
        _refuse_other_kinds(location, parameter)
        rows = [(location.name, str(location), None)]
    return [(without_formula(name), path, problem) for name, path, problem in rows]


def _refuse_other_kinds(file: Path, parameter: str) -> None:
    with file.open("rb") as opened:
        kind = kind_of(opened.read(HEAD_BYTES))
    if kind is not None and not kind.is_image:
        raise InputError(f"{file}: {kind.name}, not {_GIVEN} ({parameter}); {kind.remedy}")


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _walk(folder: Path, left: list[str]) -> Iterator[_Row]:
    """Yield files and dead ends below ``folder``; follows links to folders, once each.

    What file managers and systems put there goes to ``left``.
    """
    unlisted: list[OSError] = []
    seen = {folder.resolve()}
    for root, folders, files in os.walk(folder, onerror=unlisted.append, followlinks=True):
        here = Path(root)
        left += filter(_is_litter, (*folders, *files))
        folders[:] = [name for name in folders if not _is_litter(name)]
        files = [name for name in files if not _is_litter(name)]
        name = here.relative_to(folder)
        if not folders and not files:
            yield name.as_posix(), root, _EMPTY_FOLDER
        for file in files:
            yield (name / file).as_posix(), str(here / file), None
        folders[:] = [below for below in sorted(folders) if is_new_folder(here / below, seen)]
    for error in unlisted:
        path = os.fsdecode(error.filename)
        name = Path(path).relative_to(folder)
        yield name.as_posix(), path, f"a folder that cannot be listed: {error.strerror}"


def is_new_folder(folder: Path, seen: set[Path]) -> bool:
    """Say whether no link has led to ``folder`` before, and remember it."""
    target = folder.resolve()
    is_new = target not in seen
    seen.add(target)
    return is_new


def _match(pattern: Path, parameter: str) -> list[_Row]:
    if not glob.has_magic(str(pattern)):
        raise InputError(f"{pattern}: there is no such file or folder ({parameter}; {_GIVEN})")
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    start = Path(*parts[:first])
    # As shells do it; Path.glob would list hidden files and not follow links.
    found = sorted(glob.glob(str(Path(*parts[first:])), root_dir=start, recursive=True))  # noqa: PTH207
    files = [(name, str(start / name), None) for name in found if (start / name).is_file()]
    if not files:
        raise InputError(
            f"{pattern}: no file below {start} matches {Path(*parts[first:])} ({parameter})"
        )
    return [(Path(name).as_posix(), path, problem) for name, path, problem in files]


def _read_table(table: Path, parameter: str) -> list[_Row]:
    _refuse_other_kinds(table, parameter)
    with table.open(encoding="utf-8-sig", newline="") as file:
        names = read_names(file, str(table))
    _warn_of_other_folders(table, names)
    return [
        (name, name if is_url(name) else str(table.parent / name), fault_of_listed(name))
        for name in names
    ]


def _warn_of_other_folders(table: Path, names: list[str]) -> None:
    """A table may name any image that this machine can read; whoever made it should be known."""
    local = [name for name in names if not is_url(name)]
    ways = [os.path.relpath(table.parent / name, table.parent) for name in local]
    outside = [n for n, way in zip(local, ways, strict=True) if Path(way).parts[:1] == (os.pardir,)]
    if outside:
        logger.warning(
            "%s: %s of %s names lead out of its folder, the first to '%s'; it is read all the same",
            table,
            f"{len(outside):,}",
            f"{len(names):,}",
            shorten(outside[0]),
        )


def _list_remote(url: str) -> list[_Row]:
    system, root = open_file_system(url)
    system.invalidate_cache()  # what was listed before may have changed
    try:
        if system.isfile(root) and _is_table(root):
            return _read_remote_table(system, root, url)
        start, found = _find_remote(system, root, url)
        names = {path: path.removeprefix(start).lstrip("/") for path in sorted(found)}
        rows: list[_Row] = [
            (without_formula(name), system.unstrip_protocol(path), None)
            for path, name in names.items()
            if not any(map(_is_litter, name.split("/")))
        ]
    finally:
        system.invalidate_cache()  # of a million images it holds a gigabyte
    if not rows:
        raise InputError(f"{mask(url)}: no file is there (inference.images)")
    return rows


def _find_remote(system: AbstractFileSystem, root: str, url: str) -> tuple[str, list[str]]:
    """Return what the names of files are relative to, and the files."""
    if system.isdir(root):
        return root, system.find(root)
    if system.isfile(root):
        return posixpath.dirname(root), [root]
    if glob.has_magic(root):
        parts = root.split("/")
        first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        return "/".join(parts[:first]), [p for p in system.glob(root) if system.isfile(p)]
    raise InputError(f"{mask(url)}: there is no such file or folder (inference.images; {_GIVEN})")


def _read_remote_table(system: AbstractFileSystem, table: str, url: str) -> list[_Row]:
    with system.open(table, "rt", encoding="utf-8-sig", newline="") as file:
        names = read_names(file, mask(url))
    folder = posixpath.dirname(system.unstrip_protocol(table))
    return [
        (name, name if is_url(name) else posixpath.join(folder, name), fault_of_listed(name))
        for name in names
    ]
