"""Replace a file in one step: a reader, or a killed run, finds the old file or the new one."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from face_forgery.datasets.base import preview_rows

_PROBE = bytes(2**16)
_EXAMPLES_SHOWN = 3
_FORMATS = {
    "JSONDataset": "JSON",
    "ParquetDataset": "a Parquet table",
    "CSVDataset": "a table of comma-separated values",
    "QuotedCSVDataset": "a table of comma-separated values",
    "TextDataset": "a text",
}


class FileError(DatasetError):
    """A file is missing, spoilt or in the way; the message says what to do, without a traceback."""


class AtomicDataset(AbstractDataset[Any, Any]):
    """A dataset of kedro-datasets whose file, on this machine, is replaced in one step.

    Where it is ``optional``, ``None`` is loaded if there is no file: for what another pipeline may
    have written. With ``load_bytes`` the file is loaded as it is: for figures, which no dataset
    reads again.
    """

    def __init__(
        self,
        *,
        dataset: dict[str, Any],
        optional: bool = False,
        load_bytes: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._config = dataset
        self._filepath = Path(dataset["filepath"])
        self._dataset = self._build_at(self._filepath)
        self._optional = optional
        self._load_bytes = load_bytes
        self.metadata = metadata
        if hasattr(self._dataset, "preview"):  # Kedro-Viz asks which type its preview returns
            self.preview = _without_missing_values(self._dataset.preview)

    def load(self) -> Any:
        """Return the content, or ``None`` if there may be none.

        Raises:
            FileError: If there is no file, or it is damaged.
        """
        if not self._filepath.exists():
            if self._optional:
                return None
            raise FileError(f"{self._filepath}: no such file; run the pipeline that writes it")
        if self._load_bytes:
            return self._filepath.read_bytes()
        try:
            return type(self._dataset).load.__wrapped__(self._dataset)  # type: ignore[attr-defined]
        except PermissionError:
            raise
        except (OSError, ValueError) as error:
            kind = type(self._dataset).__name__
            raise FileError(
                f"{self._filepath}: not {_FORMATS.get(kind, kind)} ({str(error).strip()}); delete "
                "it and run the pipeline that writes it again"
            ) from error

    def save(self, data: Any) -> None:
        """Replace the file; if that fails, it stays as it was.

        Raises:
            ValueError: If a number is NaN or infinite, which JSON does not have; names up to three.
        """
        if type(self._dataset).__name__ == "JSONDataset" and (bad := [*_non_finite(data, "")]):
            raise ValueError(
                f"{len(bad)} number(s) are NaN or infinite: {', '.join(bad[:_EXAMPLES_SHOWN])}; a "
                "value that cannot be computed is null"
            )
        with replacing(self._filepath) as partial:
            dataset = self._build_at(partial)
            type(dataset).save.__wrapped__(dataset, data)  # type: ignore[attr-defined]

    def _build_at(self, path: Path) -> AbstractDataset[Any, Any]:
        return AbstractDataset.from_config(path.name, self._config | {"filepath": str(path)})

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "type": type(self._dataset).__name__}


def _non_finite(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _non_finite(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _non_finite(item, f"{name}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{name or 'the value'}={value}"


def _without_missing_values(preview: Callable[..., Any]) -> Callable[..., Any]:
    """Have a preview of a table hold ``None`` where a value is missing: NaN is no JSON."""

    @wraps(preview)
    def show(**options: Any) -> Any:
        shown = preview(**options)
        if isinstance(shown, dict):
            return preview_rows(pd.DataFrame(**shown, dtype=object), len(shown["data"]))
        return shown

    return show


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the place of ``path`` at the end.

    If the block raises, ``path`` stays as it was and the partial file is removed. What a killed
    run leaves (``.<name>.partial``) is overwritten by the next one.

    Raises:
        OSError: If the disk is full or cannot be written, whatever the block made of it: the
            writers of PyTorch and safetensors hide what the system said.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        flush_to_disk(partial)
        partial.replace(path)
    except OSError:
        raise
    except Exception as error:
        if (why := _why_not_writable(partial)) is not None:
            raise why from error
        raise
    finally:
        with suppress(OSError):  # on a disk that became read-only: the next run overwrites it
            partial.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why_not_writable(path: Path) -> OSError | None:
    """Ask the system, by writing behind what is there."""
    try:
        with path.open("ab") as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return OSError(error.errno, error.strerror, str(path))
    return None
