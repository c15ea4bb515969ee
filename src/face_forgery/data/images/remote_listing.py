"""Pictures at a URL, listed as ``data.images.listing`` lists those on a disk."""

import posixpath
from glob import has_magic
from typing import TYPE_CHECKING

from face_forgery.data.images.name_lists import (
    NAME_COLUMN,
    PicturesError,
    is_list,
    name_no_formula,
    read_names,
)
from face_forgery.data.images.remote import fault_of_listed, is_url, open_file_system
from face_forgery.data.redaction import mask

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_Row = tuple[str, str, str | None]


def list_remote(url: str) -> list[_Row]:
    """Return the names, URLs and problems of the pictures at ``url``, without opening one.

    Args:
        url: A folder, a table, a pattern or one file, as for ``data.pictures.list_pictures``.
            What is in a table may be a URL itself, or an absolute path that every machine has.

    Raises:
        PicturesError: If nothing is there, a table lacks the column or names no file.
        RemoteError: If the place cannot be reached.
    """
    system, root = open_file_system(url)
    system.invalidate_cache()  # what was listed before may have changed
    try:
        rows = _list(system, root, url)
    except OSError as error:
        raise PicturesError(
            mask(f"{url}: it cannot be listed: {error} (inference.images)")
        ) from error
    finally:
        system.invalidate_cache()  # of a million pictures it holds a gigabyte
    return rows


def _list(system: "AbstractFileSystem", root: str, url: str) -> list[_Row]:
    if system.isdir(root):
        start, found = root, system.find(root)
    elif system.isfile(root):
        if is_list(root):
            return _read_list(system, root, url)
        start, found = posixpath.dirname(root), [root]
    elif has_magic(root):
        start = _before_wildcard(root)
        found = [path for path in system.glob(root) if system.isfile(path)]
    else:
        raise PicturesError(
            f"{mask(url)}: there is no such file or folder (inference.images; a folder, a table "
            f"with a column {NAME_COLUMN}, a pattern such as photos/**/*.jpg, or one file)"
        )
    names = {path: path.removeprefix(start).lstrip("/") for path in sorted(found)}
    rows: list[_Row] = [
        (name_no_formula(name), system.unstrip_protocol(path), None)
        for path, name in names.items()
        if not _hidden(name)
    ]
    if not rows:
        raise PicturesError(f"{mask(url)}: no file is there (inference.images)")
    return rows


def _read_list(system: "AbstractFileSystem", table: str, url: str) -> list[_Row]:
    with system.open(table, "rt", encoding="utf-8-sig", newline="") as file:
        names = read_names(file, mask(url))
    folder = posixpath.dirname(system.unstrip_protocol(table))
    return [
        (name, name if is_url(name) else posixpath.join(folder, name), fault_of_listed(name))
        for name in names
    ]


def _before_wildcard(pattern: str) -> str:
    parts = pattern.split("/")
    first = next(i for i, part in enumerate(parts) if has_magic(part))
    return "/".join(parts[:first])


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
