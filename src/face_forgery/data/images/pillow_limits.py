"""Bounds on what Pillow reads: pixels, and EXIF and TIFF directories in every format.

Pillow copies the bytes of each tag, and tags may share their bytes: 2 MB then take gigabytes. Each
number of a tag becomes a Python object: 15 MB of them take a gigabyte. Pillow has no limit for
directories, and reads such directories while it opens a file, so its class is replaced
(``docs/decisions/0028-exif-and-tiff-directories.md``).
"""

import warnings
from contextlib import suppress
from typing import IO, Any, cast

from PIL import Image, PngImagePlugin, TiffImagePlugin

from face_forgery.limits import MAX_TAG_NUMBERS, MAX_TAG_SLACK, MAX_TEXT_MEMORY, max_pixels

_TEXT_TYPES = (1, 2, 7)  # bytes and text, kept as they are


class _Budget:
    """A file that ends with an error when more bytes were read than it has."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        start = file.tell()
        self._left = file.seek(0, 2) + MAX_TAG_SLACK
        file.seek(start)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise Image.DecompressionBombError(
                "the tags of its metadata (EXIF or TIFF) hold more bytes than the file"
            )
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _BoundedDirectory(TiffImagePlugin.ImageFileDirectory_v2):
    def load(self, fp: IO[bytes]) -> None:
        super().load(cast(IO[bytes], _Budget(fp)))
        for tag, data in self._tagdata.items():
            kind = self.tagtype[tag]
            most = MAX_TAG_NUMBERS * self._load_dispatch[kind][0]
            if kind not in _TEXT_TYPES and len(data) > most:
                raise Image.DecompressionBombError(
                    f"tag {tag} of its metadata (EXIF or TIFF) has over {MAX_TAG_NUMBERS:,} numbers"
                )


TiffImagePlugin.ImageFileDirectory_v2 = _BoundedDirectory  # type: ignore[misc]
PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT_MEMORY
with suppress(ValueError):  # decoding says what is wrong with the variable
    Image.MAX_IMAGE_PIXELS = max_pixels()
# Of an image that is refused with the reason.
warnings.simplefilter("ignore", Image.DecompressionBombWarning)
