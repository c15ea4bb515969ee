"""Images beyond this machine: URLs of buckets, and whatever else fsspec reaches."""

import re
from pathlib import Path

import numpy as np
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from numpy.typing import NDArray

from face_forgery.data.images.decoding import (
    ImageError,
    InputError,
    check_regular,
    decode_rgb,
    naming_file_errors,
    read_rgb,
)
from face_forgery.data.redaction import mask
from face_forgery.limits import MAX_DOWNLOAD

# What a table may name. Other file systems of fsspec interpret what they read, unpack it, copy it
# to this disk, or connect as soon as they are named.
_STORES = {"abfs", "abfss", "adl", "az", "gcs", "gs", "hdfs", "hf", "oci", "oss", "s3", "s3a"}
_LISTED = _STORES | {"file", "http", "https", "local", "memory", "tos", "webhdfs"}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: `c:/` is a drive


def is_url(path: str) -> bool:
    """Say whether ``path`` begins with a scheme: ``s3://``, ``gs://``, ``file://``, ...

    Example:
        >>> [is_url(path) for path in ("s3://b/a.jpg", "s3:/a.jpg", "c://a.jpg", "a b://c")]
        [True, False, False, False]
    """
    return _SCHEME.match(path) is not None


def fault_of_listed(path: str) -> str | None:
    """Return why a table may not name ``path``; ``None`` if it may.

    A table may come from a stranger. Paths, and URLs of stores and web servers are read; one
    within another (``reference://x::http://y``) and further schemes of fsspec are not.
    """
    if not is_url(path):
        return None
    scheme = path.partition("://")[0].lower()
    if scheme in _LISTED and "::" not in path:
        return None
    return f"a table may name paths and URLs of {', '.join(sorted(_LISTED))}, not of this kind"


def open_file_system(url: str) -> tuple[AbstractFileSystem, str]:
    """Return what reaches ``url``, and what ``url`` is called there.

    Credentials are those of the environment, as the library behind the scheme reads them.

    Raises:
        InputError: If the scheme is unknown or its library is missing.
    """
    try:
        system, path = url_to_fs(url)
    except ImportError as error:
        raise InputError(
            f"{mask(url)}: {error}; in the environment of every machine that reads it "
            "(docs/scaling.md)"
        ) from error
    except ValueError as error:
        raise InputError(f"{mask(url)}: {error} (docs/scaling.md)") from error
    return system, path


def reach(location: str) -> tuple[AbstractFileSystem, str]:
    """Return what reaches a path or a URL, and what it is called there; as `open_file_system`."""
    return open_file_system(location) if is_url(location) else (LocalFileSystem(), location)


def read_rgb_at(path: str, *, side: int | None = None) -> NDArray[np.uint8]:
    """Decode the image at a path or a URL, as `decoding.read_rgb` does.

    Raises:
        ImageError: As `decoding.read_rgb`.
        InputError: As `open_file_system`.
    """
    if not is_url(path):
        return read_rgb(Path(path), side=side)
    try:
        return decode_rgb(read_bytes_at(path), side=side)
    except ImageError as error:
        raise error.at(mask(path)) from error


def read_bytes_at(path: str) -> bytes:
    """Read the whole file at a path or a URL.

    Raises:
        ImageError: There is none, it is no file, or it cannot be read or is too large for an image.
        InputError: As `open_file_system`.
    """
    if is_url(path):
        return _fetch(path)
    with naming_file_errors():
        check_regular(Path(path))
        with Path(path).open("rb") as file:
            return _check_length(file.read(MAX_DOWNLOAD + 1))


def _fetch(url: str) -> bytes:
    system, path = open_file_system(url)
    try:
        with naming_file_errors():
            data: bytes = system.cat_file(path, start=0, end=MAX_DOWNLOAD + 1)
    except ImageError:
        raise
    except Exception as error:  # each store's library raises its own
        reason = mask(f"{type(error).__name__}: {error}")
        raise ImageError(f"the file cannot be read: {reason}") from error
    return _check_length(data)


def _check_length(data: bytes) -> bytes:
    if len(data) > MAX_DOWNLOAD:
        raise ImageError(f"more than {MAX_DOWNLOAD:,} bytes", status="too_large")
    return data
