"""A Parquet table with images in it, as the Hugging Face hub stores sets.

A column is a struct of ``bytes`` and ``path``, or binary. The schema's metadata hold the names of
classes, so that a number says what it means. Source of the facts:
https://huggingface.co/docs/hub/datasets-image and ``datasets.features``.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from posixpath import basename, dirname
from typing import Any

import pyarrow as pa

from face_forgery.data.labels.manifest import shorten
from face_forgery.data.packed.samples import PackedError, Sample, choose_image
from face_forgery.data.parquet_tables import (
    UnpackedError,
    check_unpacked,
    open_table,
    stated_size,
)
from face_forgery.limits import MAX_PACKED_RATIO, MAX_UNPACKED

_ROWS_AT_ONCE = 4  # of a dictionary of images each row is as large as its largest
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"GIF8": ".gif"}
_NO_LABEL = -1  # what the hub writes where a class is not known
_ODD = re.compile(r"[^\w.-]")


def read_parquet_shard(path: Path, image: str | None) -> Iterator[Sample]:
    """Yield a sample a row; ``image`` names the column of images, None: the only one there is.

    Raises:
        PackedError: It cannot be read, or holds no image column, or several.
    """
    try:
        table = open_table(path)
        fields = table.schema_arrow
        images = [field.name for field in fields if _holds_images(field.type)]
        column = choose_image(str(path), images, fields.names, image)
        if column not in images:
            raise PackedError(f"{path}: the column {column} holds no bytes (--image)")
        plain = check_unpacked(path, [n for n in fields.names if n not in images])
        num_bytes = path.stat().st_size
        limit = MAX_UNPACKED + MAX_PACKED_RATIO * num_bytes
        if stated_size(table.metadata, [column, f"{column}.bytes"]) > limit:
            raise PackedError(f"{path}: {num_bytes:,} bytes that unpack to more than {limit:,}")
        classes = _read_classes(fields.metadata)
        number = 0
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=[column, *plain]):
            texts = {n: _to_texts(path, n, batch.column(n), classes.get(n)) for n in plain}
            for row, value in enumerate(batch.column(column).to_pylist()):
                yield _to_sample(value, number, {n: texts[n][row] for n in plain})
                number += 1
    except (pa.ArrowException, OSError, MemoryError, UnpackedError) as error:
        raise PackedError(
            f"{path}: a Parquet table that cannot be read: {shorten(str(error))}"
        ) from error


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0 and _is_binary(kind.field("bytes").type))
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _read_classes(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return column -> names of its classes, in the order of their numbers."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        found = {name: one.get("names") for name, one in features.items() if isinstance(one, dict)}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}  # numbers stay numbers, and what they mean is asked
    return {n: list(map(str, names)) for n, names in found.items() if isinstance(names, list)}


def _to_texts(path: Path, name: str, column: pa.Array, classes: Sequence[str] | None) -> list[str]:
    values = column.to_pylist()
    if classes is None or not pa.types.is_integer(column.type):
        return ["" if value is None else str(value) for value in values]
    odd = {v for v in values if v not in (None, _NO_LABEL) and not 0 <= v < len(classes)}
    if odd:
        raise PackedError(
            f"{path}: {min(odd)} in the column {shorten(name)}, whose {len(classes)} classes are "
            f"{shorten(', '.join(classes))}; is it another version of the set?"
        )
    return ["" if value in (None, _NO_LABEL) else classes[value] for value in values]


def _to_sample(value: Any, number: int, columns: Mapping[str, str]) -> Sample:
    data, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, "")
    path = str(path or "").replace("\\", "/")
    last = _ODD.sub("_", basename(path))[-80:]
    if "." not in last:
        last += next(
            (e for start, e in _ENDINGS.items() if (data or b"").startswith(start)), ".img"
        )
    folder = dirname(path)
    # Paths are those of whoever packed it; only what can lie below a folder is kept.
    is_below = bool(re.fullmatch(r"(?:[\w-][\w.-]*/)*", f"{folder}/")) and len(folder) < 200
    name = f"{folder}/" * is_below + f"{number:07}_{last}".replace("_.", ".", 1)
    return Sample(name, data or b"", columns, fault="" if data else "a row without image bytes")
