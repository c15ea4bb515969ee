"""Parquet tables of strangers, looked at before they are unpacked."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from face_forgery.limits import MAX_RATIO, MAX_ROWS, MAX_TABLE_PARTS, MAX_UNPACKED

_ROWS_AT_ONCE = 2**14
_TEXTS = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_binary, pa.types.is_large_binary),
)
_NUMBERS = (pa.types.is_primitive, pa.types.is_decimal, pa.types.is_null)


class UnpackedError(ValueError):
    """A Parquet table that unpacks to more than is read."""


def check_unpacked(source: bytes | Path, columns: list[str] | None = None) -> list[str]:
    """Return which of ``columns`` (``None``: all) hold texts, numbers or times, no lists.

    A hundred bytes may hold one text a million times: everything is read once, a part at a time and
    texts as numbers of a dictionary, to add up what it would take.

    Raises:
        UnpackedError: More rows or bytes than are read.
        ArrowException, OSError, MemoryError: It cannot be read.
    """
    num_bytes = len(source) if isinstance(source, bytes) else source.stat().st_size
    limit = MAX_UNPACKED + MAX_RATIO * num_bytes
    found = open_table(source)
    if found.metadata.num_rows > MAX_ROWS:
        raise UnpackedError(
            f"{found.metadata.num_rows:,} rows, more than the {MAX_ROWS:,} that are read"
        )
    fields = [field for field in found.schema_arrow if columns is None or field.name in columns]
    texts = [field.name for field in fields if _is_text(field.type)]
    plain = [field.name for field in fields if _is_plain(field.type)]
    fault = f"{num_bytes:,} bytes that unpack to more than the {limit:,} that are read"
    if stated_size(found.metadata, plain) > limit:
        raise UnpackedError(fault)
    unpacked = 0
    for batch in open_table(source, texts).iter_batches(_ROWS_AT_ONCE, columns=plain):
        unpacked += sum(map(_unpacked_size, batch.columns))
        if unpacked > limit:
            raise UnpackedError(fault)
    return plain


def open_table(source: bytes | Path, texts: Sequence[str] = ()) -> parquet.ParquetFile:
    """Read the footer of a table, whose lists have an end; ``texts`` are read as a dictionary."""
    opened = BytesIO(source) if isinstance(source, bytes) else source
    return parquet.ParquetFile(
        opened, read_dictionary=list(texts), thrift_container_size_limit=MAX_TABLE_PARTS
    )


def stated_size(table: parquet.FileMetaData, columns: list[str]) -> int:
    """Return to how many bytes pages unpack; texts of a dictionary count once."""
    parts = (table.row_group(number) for number in range(table.num_row_groups))
    chunks = (part.column(number) for part in parts for number in range(part.num_columns))
    return sum(c.total_uncompressed_size for c in chunks if c.path_in_schema in columns)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(is_one(kind) for is_one in _TEXTS)


def _is_plain(kind: pa.DataType) -> bool:
    return _is_text(kind) or any(is_one(kind) for is_one in _NUMBERS)


def _unpacked_size(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(column.indices.nbytes) + int(pc.sum(lengths).as_py() or 0)
