"""Any bytes as an EXIF or TIFF directory, in every format that has one: as `image_decoding`.

The first byte says in which, the second how many times 64 KiB follow (up to 16),
which tags may point at.
"""

import io
import struct
import zlib

from image_decoding import check as check_image
from PIL import Image

CONTAINERS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "MPO")
_EMPTY = b"Exif\0\0MM\0*\0\0\0\x08" + bytes(8)
_PADDING, _SEGMENT = 2**16, 2**16 - 10


def check(data: bytes) -> None:
    """Raise whatever a user should never see."""
    if len(data) > 1:
        container = CONTAINERS[data[0] % len(CONTAINERS)]
        check_image(wrap(container, data[2:] + bytes(data[1] % 17 * _PADDING)))


def wrap(container: str, directory: bytes) -> bytes:
    """Return a small image that has ``directory`` as its metadata; a TIFF is nothing else."""
    if container == "TIFF":
        return directory
    file = io.BytesIO()
    image, exif = Image.new("RGB", (8, 8)), b"Exif\0\0" + directory
    if container in ("WEBP", "AVIF"):  # Pillow would read what it is to write
        stand_in = _EMPTY + bytes(max(0, len(exif) - len(_EMPTY)))
        image.save(file, container, exif=stand_in)
        return file.getvalue().replace(stand_in.removeprefix(b"Exif\0\0"), directory)
    image.save(file, "PNG" if container == "PNG" else "JPEG")
    plain = file.getvalue()
    if container == "PNG":
        head, body = plain[:33], b"eXIf" + directory  # the signature and IHDR
        return head + _chunk(body) + plain[33:]
    parts = [exif[:6] + exif[at : at + _SEGMENT] for at in range(6, len(exif), _SEGMENT)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in parts)
    if container == "MPO":  # its own directory is in another segment
        mpf = b"MPF\0" + directory[: _SEGMENT - 4]
        segments += b"\xff\xe2" + struct.pack(">H", len(mpf) + 2) + mpf
    return plain[:2] + segments + plain[2:]


def _chunk(body: bytes) -> bytes:
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
