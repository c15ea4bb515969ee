"""Text files that grow while a run lasts, and that somebody may take away meanwhile."""

import os
from pathlib import Path

from face_forgery.datasets.errors import FileError


def check_size(file: Path, num_bytes: int) -> None:
    """Raise FileError if ``file`` does not hold the ``num_bytes`` that this run has written."""
    found = file.stat().st_size if file.exists() else 0
    if found != num_bytes:
        raise FileError(
            f"{file}: it holds {found:,} bytes, and {num_bytes:,} were written: somebody deleted "
            "or changed it while the run was under way. Give the same command again: what is "
            "missing is made anew"
        )


def append(file: Path, text: str) -> None:
    """Write behind what is there, to the disk; a file that is gone is an error, not a new file."""
    with file.open("r+", encoding="utf-8", newline="") as opened:
        opened.seek(0, os.SEEK_END)
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
