"""A label file's bytes to a table of strings, with the line that each row stood in."""

import codecs
import csv
import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from face_forgery.data.file_kinds import HEAD_BYTES, kind_of
from face_forgery.data.labels.manifest import (
    CONTROL_CHARACTERS,
    MANIFEST_COLUMNS,
    ManifestError,
    cut,
    shorten,
    show_columns,
    show_examples,
)
from face_forgery.data.parquet_tables import UnpackedError, check_unpacked, open_table
from face_forgery.limits import MAX_COLUMNS
from face_forgery.params import ColumnNames
from face_forgery.params.data import plain_label

logger = logging.getLogger(__name__)

Locate = Callable[[Sequence[int]], list[str]]

OPTIONAL_COLUMNS = ("group", "kind", "source", "video", "frame")
_PARQUET = b"PAR1"
_IGNORED = "\x00"  # before the name of a column that the manifest cannot keep
_OTHER_SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ROWS_LOCATED, _ROWS_COUNTED = 4, 100_000  # of rows that are wrong; the fourth is hinted at
_QUOTED = re.compile(rb'(?m)(?:^|(?<=,))"(?:[^"]|"")*"')
_OPEN_QUOTE = re.compile(rb'(?:^|,)"')
_BLANK = re.compile(rb"(?m)^[ \t]+(?=\r?$)")
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_IN_QUOTES = b"\xff"  # a byte that UTF-8 does not have
_CONTROL = re.compile(CONTROL_CHARACTERS)
_FRAME = r"\d{1,15}(?:\.0*)?"  # with decimals as pandas writes numbers beside missing ones


@dataclass(frozen=True)
class LabelFile:
    """A label file as it lies on disk."""

    where: str  # what messages call it
    data: bytes = field(repr=False)


def parse_labels(
    file: LabelFile, *, columns: ColumnNames, labels: Collection[str] | None
) -> tuple[pd.DataFrame, Locate]:
    """Read a Parquet table, or comma-separated UTF-8 with or without mark, blank lines, header.

    Lines end with LF, CRLF or CR. Without a header there are two columns, name and target (or the
    name alone if there are no ``labels``, which a target may have as `plain_label` writes them).

    Returns:
        A row for each row of the file, strings without white space around them, with the columns
        that were found among ``img_name``, ``target`` and ``OPTIONAL_COLUMNS`` under these names,
        and all others under their own; and a function from row positions to ``line 7`` and the
        like: lines count from 1.

    Raises:
        ManifestError: An empty file, one of another kind, encoding or separator, a column missing
            or there twice, one with a name of ours or none, no rows, rows with too few or too many
            values, a header among the rows, control characters beside names and targets, a frame
            that is no whole number.
    """
    kind = kind_of(file.data[:HEAD_BYTES])
    if file.data.startswith(_PARQUET):
        table, locate = _read_parquet(file, columns, labels)
    elif kind is not None:
        raise ManifestError(
            f"{file.where}: {kind.name}, and no label file (comma-separated values or a Parquet "
            f"table); {kind.remedy}"
        )
    else:
        table, locate = _read_csv(file, columns, labels)
    frame = pa.table({n: pc.utf8_trim_whitespace(table[n]) for n in table.column_names}).to_pandas()
    frame = _drop_unprintable(file.where, frame)
    again = frame["img_name"] == columns.img_name
    _refuse(file.where, again, "are the header again; were files put behind one another?", locate)
    _check_optional(file.where, frame, locate)
    return frame, locate


def _check_optional(where: str, frame: pd.DataFrame, locate: Locate) -> None:
    for name in OPTIONAL_COLUMNS:
        if name in frame:
            odd = frame[name].str.contains(CONTROL_CHARACTERS, regex=True)
            fault = f"hold control characters in the column {name}; remove them"
            _refuse(where, odd, fault, locate)
    if "frame" in frame:
        odd = (frame["frame"] != "") & ~frame["frame"].str.fullmatch(_FRAME)
        fault = "hold no whole number in the column frame; correct them, or rename the column"
        _refuse(where, odd, fault, locate)


def _read_csv(
    file: LabelFile, columns: ColumnNames, labels: Collection[str] | None
) -> tuple[pa.Table, Locate]:
    text = _decode(file)
    first = _first_fields(file.where, text)
    header = None
    if columns.img_name in first or not _looks_like_data(first, labels):
        header = _match_header(file.where, first, columns, labels is not None)
    names = header or ["img_name", "target"][: len(first)]
    table = _read_rows(file.where, text, names, has_header=header is not None)

    def locate(rows: Sequence[int]) -> list[str]:
        ordinals = [row + (header is not None) for row in rows]
        return [f"line {line}" for line in _line_numbers(text, ordinals)]

    return table, locate


def _read_parquet(
    file: LabelFile, columns: ColumnNames, labels: Collection[str] | None
) -> tuple[pa.Table, Locate]:
    try:
        found = open_table(file.data)
        first = found.schema_arrow.names
        _check_number(file.where, len(first))
        names = _match_header(file.where, first, columns, labels is not None)
        ours = dict(zip(first, names, strict=True))
        fields = found.schema_arrow
        plain = [f.name for f in fields if _is_ours(ours[f.name]) or not pa.types.is_binary(f.type)]
        plain = check_unpacked(file.data, plain)
        odd = [name for name in first if name not in plain]
        if unread := [name for name in odd if _is_ours(ours[name])]:
            raise ManifestError(f"{file.where}: no texts or numbers in {show_columns(unread)}")
        if odd:
            logger.info("%s: columns not used: %s", file.where, shorten(", ".join(odd)))
        table = found.read(plain)
        texts = {ours[n]: pc.fill_null(table[n].cast(pa.string()), "") for n in plain}
        table = pa.table(texts)
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise ManifestError(
            f"{file.where}: a Parquet table whose columns cannot be read as text: "
            f"{shorten(str(error))}"
        ) from error
    except UnpackedError as error:
        raise ManifestError(f"{file.where}: a Parquet table of {error}") from error
    if not table.num_rows:
        raise ManifestError(f"{file.where}: the table holds no row")
    return table, lambda rows: [f"row {row + 1}" for row in rows]


def _drop_unprintable(where: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out further columns that hold control characters, and say which are kept."""
    ignored = [name for name in map(str, frame) if name.startswith(_IGNORED)]
    if ignored:
        logger.info(
            "%s: columns not used, the manifest has its own or they have no name: %s",
            where,
            show_examples(name.removeprefix(_IGNORED) or "(no name)" for name in ignored),
        )
        frame = frame.drop(columns=ignored)
    further = [name for name in map(str, frame) if not _is_ours(name)]
    odd = [
        name
        for name in further
        if _CONTROL.search(name) or frame[name].str.contains(_CONTROL).any()
    ]
    if odd:
        logger.warning(
            "%s: columns not used, they hold control characters: %s", where, show_examples(odd)
        )
    if kept := [name for name in further if name not in odd]:
        logger.info("%s: further columns: %s", where, shorten(", ".join(kept)))
    return frame.drop(columns=odd)


def _is_ours(name: str) -> bool:
    return name in ColumnNames.model_fields


def _refuse(where: str, bad: "pd.Series[bool]", fault: str, locate: Locate) -> None:
    if bad.any():
        rows = bad.to_numpy().nonzero()[0][:_ROWS_LOCATED].tolist()
        raise ManifestError(
            f"{where}: {bad.sum():,} of {len(bad):,} rows {fault}: {show_examples(locate(rows))}"
        )


def _decode(file: LabelFile) -> bytes:
    if file.data.startswith(_UTF16):
        raise ManifestError(f"{file.where}: the file is UTF-16; save it as UTF-8")
    text = file.data.removeprefix(codecs.BOM_UTF8)
    if (nul := text.find(b"\0")) >= 0:
        raise ManifestError(
            f"{file.where}: line {_count_breaks(text[:nul]) + 1} holds control characters (a "
            "NUL byte): is the file damaged, or UTF-16 without its mark? Save it as UTF-8"
        )
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _count_breaks(text[: error.start]) + 1
        raise ManifestError(
            f"{file.where}: line {line} is not UTF-8 (byte 0x{text[error.start]:02x}); "
            "save the file as UTF-8"
        ) from error
    if not text.strip():
        raise ManifestError(
            f"{file.where}: the file is empty; expected a header and a row for each image"
        )
    if b"\n " in text or b"\n\t" in text or text[:1] in b" \t":  # lines of white space are blank
        text = _replace(_BLANK, lambda blank: b"", text)
    return text


def _first_fields(where: str, text: bytes) -> list[str]:
    first = re.split(rb"[\r\n]", text.lstrip(b"\r\n"), maxsplit=1)[0]
    _check_number(where, first.count(b",") + 1)
    line = first.decode("utf-8")
    if _OPEN_QUOTE.search(_QUOTED.sub(b"", first)):
        raise ManifestError(
            f"{where}: a double quote is never closed in the first line {cut(line)!r}"
        )
    try:
        fields = [value.strip() for value in next(csv.reader([line]))]
    except csv.Error as error:
        raise ManifestError(
            f"{where}: the first line, {len(line):,} characters, is no header: {error}"
        ) from error
    found = [name for mark, name in _OTHER_SEPARATORS.items() if mark in line]
    if len(fields) == 1 and found:
        raise ManifestError(
            f"{where}: values are separated by {found[0]} ({cut(line)!r}); "
            "expected commas; save the file as comma-separated values"
        )
    return fields


def _check_number(where: str, number: int) -> None:
    if number > MAX_COLUMNS:
        raise ManifestError(
            f"{where}: {number:,} columns, more than the {MAX_COLUMNS:,} that are read; keep those "
            "of docs/data_format.md"
        )


def _match_header(
    where: str, first: list[str], columns: ColumnNames, has_targets: bool
) -> list[str]:
    """Return our name of each column, or its own."""
    theirs = columns.model_dump()
    for name in ("video", "frame"):  # which are read where another one is not called so
        if theirs[name] == name and list(theirs.values()).count(name) > 1:
            del theirs[name]
    ours = {name: key for key, name in theirs.items()}
    if len(ours) < len(theirs):
        raise ManifestError(f"ingestion.columns gives one name to two columns: {list(ours)}")
    if columns.img_name not in first:
        need = columns.img_name + (f",{columns.target}" if has_targets else "")
        raise ManifestError(
            f"{where}: the first line {cut(','.join(first))!r} is neither a header with "
            f"{need!r} nor a row 'name.jpg,0'; if the columns have other names, set "
            "ingestion.columns"
        )
    twice = sorted(name or "(no name)" for name, number in Counter(first).items() if number > 1)
    if twice:
        raise ManifestError(f"{where}: the header names column(s) twice: {show_examples(twice)}")
    if has_targets and columns.target not in first:
        raise ManifestError(
            f"{where}: missing column {columns.target!r}; found {show_columns(first)}; if it has "
            "another name, set ingestion.columns.target"
        )
    _check_renamed(where, first, columns, has_targets)
    # One without a name is an index as pandas writes it.
    ignored = {name for name in first if not name.strip() or name in MANIFEST_COLUMNS}
    return [ours.get(name) or _IGNORED * (name in ignored) + name for name in first]


def _check_renamed(where: str, first: list[str], columns: ColumnNames, has_targets: bool) -> None:
    """A name that the user gave to an optional column must be there: a typo would drop groups."""
    for name in OPTIONAL_COLUMNS if has_targets else ():
        theirs = getattr(columns, name)
        if theirs != name and theirs not in first:
            raise ManifestError(
                f"{where}: missing column {theirs!r}, which ingestion.columns.{name} names; "
                f"found {show_columns(first)}; correct the name, or set "
                f"ingestion.columns.{name}={name} to do without"
            )


def _looks_like_data(first: list[str], labels: Collection[str] | None) -> bool:
    if len(first) == 2:
        return plain_label(first[1]) in (labels or ("0", "1"))
    return len(first) == 1 and labels is None and bool(PurePosixPath(first[0]).suffix)


def _read_rows(where: str, text: bytes, names: list[str], *, has_header: bool) -> pa.Table:
    uneven: list[arrow_csv.InvalidRow] = []  # the first ones
    num_uneven = 0

    def note(row: arrow_csv.InvalidRow) -> str:
        nonlocal num_uneven
        num_uneven += 1
        if num_uneven <= _ROWS_LOCATED:
            uneven.append(row)
        return "skip" if num_uneven <= _ROWS_COUNTED else "error"

    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(text.lstrip(b"\r\n")),
            # One thread: parallel blocks do not know their line numbers.
            read_options=arrow_csv.ReadOptions(
                use_threads=False, column_names=names, skip_rows=int(has_header)
            ),
            parse_options=arrow_csv.ParseOptions(invalid_row_handler=note),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        if not uneven:
            raise ManifestError(
                f"{where}: not comma-separated values: {shorten(str(error))}"
            ) from error
    if uneven:
        more = " or more" if num_uneven > _ROWS_COUNTED else ""
        lines = _line_numbers(text, [row.number - 1 for row in uneven])
        shown = (
            f"line {line}: {row.actual_columns} ({cut(row.text)!r})"
            for line, row in zip(lines, uneven, strict=True)
        )
        raise ManifestError(
            f"{where}: {num_uneven:,}{more} row(s) do not have {len(names)} value(s): "
            f"{show_examples(shown)}; a name with a comma stands in double quotes"
        )
    if not table.num_rows:
        raise ManifestError(f"{where}: the file holds a header and no row")
    return table


def _line_numbers(text: bytes, ordinals: Sequence[int]) -> list[int]:
    """Return where rows begin, counted from 1; rows count from 0, blank lines are none."""
    joined = _replace(_QUOTED, lambda quoted: _LINE_BREAK.sub(_IN_QUOTES, quoted), text)
    starts, row, number = {}, 0, 1
    for line in _LINE.finditer(joined):
        if line[1]:
            if row in ordinals:
                starts[row] = number
            row += 1
            if len(starts) == len(ordinals):
                break
        number += 1 + line[1].count(_IN_QUOTES)
    return [starts[ordinal] for ordinal in ordinals]


def _count_breaks(text: bytes) -> int:
    return sum(1 for _ in _LINE_BREAK.finditer(text))


def _replace(pattern: re.Pattern[bytes], by: Callable[[bytes], bytes], text: bytes) -> bytes:
    """Replace as ``pattern.sub``, which keeps a piece for each match until its end."""
    replaced, start = bytearray(), 0
    for found in pattern.finditer(text):
        replaced += text[start : found.start()]
        replaced += by(found[0])
        start = found.end()
    return bytes(replaced + text[start:])
