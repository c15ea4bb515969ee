"""Replace a file in one step: a reader, or a killed run, finds the old file or the new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PROBE = bytes(2**16)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the place of ``path`` at the end.

    If the block raises, ``path`` stays as it was and the partial file is removed. What a killed
    run leaves (``.<name>.partial``) is overwritten by the next one.

    Raises:
        OSError: If the disk is full or cannot be written, whatever the block made of it: the
            writers of PyTorch and safetensors hide what the system said.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "numbers.txt"
        >>> with replacing(target) as partial:
        ...     _ = partial.write_text("1 2 3")
        >>> target.read_text()
        '1 2 3'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        _flush_to_disk(partial)
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


def _flush_to_disk(path: Path) -> None:
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
