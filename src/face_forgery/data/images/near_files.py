"""Names that miss their file by a little: an ending, a letter's case, a folder, a leading zero."""

import os
import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

# What makes two names alike, the likeliest first; and what to say about the difference.
_ALIKE: tuple[tuple[Callable[[str], str], str], ...] = (
    (str.lower, "is the case of the letters another one?"),
    (lambda name: _stem(name.lower()), "do the names lack their ending, or have another one?"),
    (
        lambda name: posixpath.basename(name.lower()),
        "do the names have a folder too many or too few?",
    ),
    (lambda name: posixpath.basename(_stem(name.lower())), "are folder and ending others?"),
    (
        lambda name: posixpath.basename(name).partition(".")[0].lstrip("0"),
        "have leading zeros or the ending got lost?",
    ),
)


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0]


def name_near_files(rows: pd.DataFrame, homes: Mapping[str, str]) -> list[str]:
    """Say of rows without a file where it was looked for, and which file has nearly its name.

    Args:
        rows: ``subset`` and ``img_name``.
        homes: Subset -> its image folder.
    """
    keyed: dict[str, list[dict[str, str]]] = {}
    said = []
    for subset, name in zip(rows["subset"], rows["img_name"], strict=True):
        if subset not in keyed:
            files = _list(homes[subset])
            keyed[subset] = [{key(file): file for file in files} for key, _ in _ALIKE]
        link = Path(homes[subset], name)
        if link.is_symlink():
            said.append(f"no such file: a link to {link.readlink()}, and nothing is there")
        else:
            said.append(f"no such file in {homes[subset]}{_find(name, keyed[subset])}")
    return said


def _find(name: str, keyed: list[dict[str, str]]) -> str:
    for (key, question), files in zip(_ALIKE, keyed, strict=True):
        if near := files.get(key(name)):
            return f"; {near} is there: {question}"
    return ""


def _list(folder: str) -> list[str]:
    return [
        (Path(path) / name).relative_to(folder).as_posix()
        for path, _, names in os.walk(folder)
        for name in sorted(names, reverse=True)  # of names that are alike the first one is told
    ]
