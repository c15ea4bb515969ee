"""Tables that list pictures: text in, names out."""

import csv
from pathlib import PurePosixPath
from typing import TextIO

SEPARATORS = {".csv": ",", ".txt": ",", ".tsv": "\t"}  # by the ending of the table's name
NAME_COLUMN = "img_name"
_EXAMPLES_SHOWN = 3
_FORMULA = ("=", "+", "-", "@")


class PicturesError(ValueError):
    """Nothing to judge: the message says what was looked for and where."""


def is_list(place: str) -> bool:
    """Say whether ``place``, a path or a URL, is called as a table is."""
    return PurePosixPath(place).suffix.lower() in SEPARATORS


def name_no_formula(name: str) -> str:
    """Write a name that a spreadsheet would compute as another one of the same file.

    Example:
        >>> name_no_formula("=1+1.jpg"), name_no_formula("a=1.jpg")
        ('./=1+1.jpg', 'a=1.jpg')
    """
    return f"./{name}" if name.startswith(_FORMULA) else name


def read_names(file: TextIO, place: str) -> list[str]:
    """Return the column ``img_name`` of a table, in its order.

    Args:
        file: Opened with ``encoding="utf-8-sig"`` and ``newline=""``.
        place: Where it lies; its ending says the separator, errors name it.

    Raises:
        PicturesError: If it is no table, lacks the column or names no file.
    """
    separator = SEPARATORS[PurePosixPath(place).suffix.lower()]
    try:
        reader = csv.reader(file, delimiter=separator, strict=True)
        lines = [(reader.line_num, values) for values in reader if values]
    except (csv.Error, UnicodeDecodeError) as error:
        raise PicturesError(f"{place}: not a table in UTF-8: {error}") from error
    _, header = lines[0] if lines else (0, [])
    nul = [n for n, values in lines if any("\0" in value for value in values)]
    if nul:
        raise PicturesError(
            f"{place}: line {nul[0]} holds a NUL byte: is the table damaged, or UTF-16 without its "
            "mark? Save it as UTF-8"
        )
    if header.count(NAME_COLUMN) > 1:
        raise PicturesError(f"{place}: the header names the column {NAME_COLUMN!r} twice: {header}")
    if NAME_COLUMN not in header:
        raise PicturesError(
            f"{place}: no column {NAME_COLUMN!r}; the first line reads {header}. It must name the "
            "columns"
        )
    if not lines[1:]:
        raise PicturesError(f"{place}: a header and no row")
    column = header.index(NAME_COLUMN)
    bad = [n for n, values in lines[1:] if len(values) != len(header) or not values[column].strip()]
    if bad:
        raise PicturesError(
            f"{place}: {len(bad)} of {len(lines) - 1} rows have no {NAME_COLUMN} or not "
            f"{len(header)} value(s); first: line {', '.join(map(str, bad[:_EXAMPLES_SHOWN]))}. "
            "A name with a comma goes in double quotes"
        )
    return [values[column].strip() for _, values in lines[1:]]
