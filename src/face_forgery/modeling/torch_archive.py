"""What torch has saved is an archive; this one gives no more bytes than it has."""

import zipfile
from pathlib import Path


def refuse_bomb(path: Path) -> None:
    """Refuse an archive whose records are together larger than the file.

    torch stores them as they are. Packed, or laid over one another, a few megabytes would become
    gigabytes in memory. A file that is no archive is left to who reads it.

    Raises:
        ValueError: With both sizes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(record.file_size for record in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError):
        return
    size = path.stat().st_size
    if unpacked > size:
        raise ValueError(f"its {size:,} bytes would become {unpacked:,}, which torch never writes")
