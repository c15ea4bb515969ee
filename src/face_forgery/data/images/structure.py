"""What an image file asks of its decoder, looked at before anything is decoded.

Pillow and the libraries below it believe what a file claims, and walk its lists in Python, some of
them in quadratic time: a kilobyte can cost gigabytes, two megabytes a minute. Honest files stay far
below these limits.

Sources: ITU-T T.81 (JPEG), ISO 15948 (PNG), GIF89a, ISO 15444-1 (JPEG 2000), TIFF 6.0.
"""

import re
from collections.abc import Iterator
from typing import IO

from PIL import Image

from face_forgery.data.images.jpeg import has_too_many_scans
from face_forgery.limits import (
    MAX_BLOCK_BYTES,
    MAX_BLOCKS,
    MAX_PACKED_BLOCKS,
    MAX_SCANS,
    MAX_TAG_SLACK,
    MAX_TILE_PIXELS,
    MAX_TILES,
    MIN_CODE_BLOCK,
    MIN_PRECINCT,
)

_PNG, _JP2 = b"\x89PNG\r\n\x1a\n", b"\0\0\0\x0cjP  \r\n\x87\n"
_PPM_HEADER = re.compile(rb"P[0-9A-Za-z](?:(?:\s|#[^\r\n]*[\r\n])+[^\s#]+){2,3}\s")
_TILE_SIDES, _BYTE_COUNTS = (322, 323), (279, 325)  # tags of TIFF


class StructureError(ValueError):
    """A file that would cost its decoder more than an honest one does; the message says why."""


class RareKindError(StructureError):
    """A file that may be honest, and that only Python could decode, a pixel at a time."""


def check_structure(file: IO[bytes]) -> None:
    """Check a file that is not opened yet, and leave it at its beginning.

    Raises:
        StructureError: If it has more blocks or packed texts, or smaller parts, than any encoder
            writes.
    """
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"\xff\xd8"):
        _check_jpeg(file)
    elif head.startswith(_PNG):
        _check_png(file)
    elif head.startswith((b"GIF87a", b"GIF89a")):
        _check_gif(file)
    elif head.startswith((_JP2, b"\xff\x4f\xff\x51")):
        _check_jpeg2000(file)
    elif re.match(rb"P[0-9A-Za-z][\s#]", head):
        file.seek(0)
        if not _PPM_HEADER.match(file.read(MAX_BLOCK_BYTES)):
            raise StructureError(f"no size in its first {MAX_BLOCK_BYTES:,} bytes")
    file.seek(0)


def check_opened(image: Image.Image, num_bytes: int) -> None:
    """Check an image of ``num_bytes`` that Pillow has opened and not decoded.

    Raises:
        StructureError: If its tiles are larger than the image, or its strips share their bytes.
        RareKindError: If only Python could decode it, a pixel at a time.
    """
    if any(tile.codec_name in Image.DECODERS for tile in getattr(image, "tile", ())):
        raise RareKindError(f"a rare kind of {image.format}, not decoded here; save it as PNG")
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return
    width, height = (_number(tags.get(tag)) for tag in _TILE_SIDES)
    if width * height > max(MAX_TILE_PIXELS, image.width * image.height):
        raise StructureError(f"tiles of {width} x {height} pixels, larger than the image")
    for tag in _BYTE_COUNTS:
        sizes = tags.get(tag, ())
        if sum(sizes if isinstance(sizes, tuple) else (sizes,)) > num_bytes + MAX_TAG_SLACK:
            raise StructureError("its strips hold more bytes than the file")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _check_jpeg(file: IO[bytes]) -> None:
    """Count what stands before the image, and the passes over it."""
    offset, num_exif, num_bytes = 2, 0, 0
    for _ in range(MAX_BLOCKS):
        file.seek(offset)
        mark = file.read(10)
        if len(mark) < 4:
            return
        kind, length = mark[1], int.from_bytes(mark[2:4], "big")
        if mark[0] != 0xFF or kind in (0x00, 0x01, 0xFF) or 0xD0 <= kind <= 0xD8:
            offset += 1  # rubbish, filling, or a marker without a length
            continue
        if kind in (0xDA, 0xD9):
            break
        num_exif += kind == 0xE1 and mark[4:8] == b"Exif"
        is_frame = 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC)
        num_bytes += 0 if kind >= 0xE0 else length  # of tables; above are metadata
        is_too_much = num_exif > MAX_PACKED_BLOCKS or num_bytes > MAX_BLOCK_BYTES * 16
        if is_too_much or (is_frame and length > 8 + 3 * 4):
            raise StructureError("more metadata, tables or channels than an image has")
        offset += 2 + length
    else:
        raise StructureError(f"more than {MAX_BLOCKS:,} blocks before its image")
    if has_too_many_scans(file):
        raise StructureError(
            f"it would be decoded in more than {MAX_SCANS} passes, which no encoder asks for"
        )


def _check_png(file: IO[bytes]) -> None:
    offset, num_other, num_packed = len(_PNG), 0, 0
    for _ in range(MAX_BLOCKS * MAX_PACKED_BLOCKS):
        file.seek(offset)
        head = file.read(8)
        kind, length = head[4:], int.from_bytes(head[:4], "big")
        if len(head) < 8 or kind == b"IEND":
            return
        num_other += kind not in (b"IDAT", b"fdAT")
        num_packed += kind in (b"zTXt", b"iTXt", b"iCCP")
        if num_other > MAX_BLOCKS or num_packed > MAX_PACKED_BLOCKS:
            raise StructureError(f"more than {MAX_BLOCKS:,} blocks, or {MAX_PACKED_BLOCKS} packed")
        if kind == b"cHRM" and length > 32:
            raise StructureError("more colors of light than there are")
        offset += 12 + length
    raise StructureError(f"its image is in more than {MAX_BLOCKS * MAX_PACKED_BLOCKS:,} pieces")


def _check_gif(file: IO[bytes]) -> None:
    """Add up what stands before the first frame."""
    file.seek(10)
    flags = file.read(3)[:1]
    if not flags:
        return
    offset = 13 + (3 * 2 ** ((flags[0] & 7) + 1) if flags[0] & 0x80 else 0)
    file.seek(offset)
    num_bytes = num_blocks = 0
    while file.read(1) == b"!":
        file.read(1)
        while size := file.read(1):
            num_blocks += 1
            num_bytes += size[0]
            if num_blocks > MAX_BLOCKS * 4 or num_bytes > MAX_BLOCK_BYTES * 16:
                raise StructureError("more comments before its image than anybody reads")
            if size == b"\0":
                break
            file.seek(size[0], 1)


def _check_jpeg2000(file: IO[bytes]) -> None:
    """Count tiles and channels, and see how small the parts are that a tile is cut into."""
    num_channels = 0
    for kind, body in _markers(file, _find_codestream(file)):
        if kind == 0x51:  # SIZ
            width, height, left, top, *tile = (
                int.from_bytes(body[at : at + 4], "big") for at in range(2, 34, 4)
            )
            num_channels = int.from_bytes(body[34:36], "big")
            if not (tile[0] and tile[1] and 1 <= num_channels <= 4):
                raise StructureError(f"{num_channels} channels")
            tiles = -(-(width - tile[2]) // tile[0]) * -(-(height - tile[3]) // tile[1])
            if tiles * num_channels > MAX_TILES or width < left or height < top:
                raise StructureError(f"{tiles:,} tiles of {num_channels} channels")
        elif kind in (0x52, 0x53):  # COD, COC
            skipped = 5 if kind == 0x52 else 2
            flags, style = body[0 if kind == 0x52 else 1], body[skipped:]
            blocks = [2 ** ((side & 15) + 2) for side in style[1:3]]
            precincts = style[5:] if flags & 1 else b""
            sides = [2**side for one in precincts for side in (one & 15, one >> 4)]
            if min(blocks, default=0) < MIN_CODE_BLOCK or min(sides, default=2**15) < MIN_PRECINCT:
                raise StructureError(f"code blocks of {blocks} pixels, precincts of {sides[:4]}")


def _find_codestream(file: IO[bytes]) -> int:
    """Return where the image begins: at 0, or in a box."""
    offset = 0
    for _ in range(MAX_BLOCKS):
        file.seek(offset)
        head = file.read(16)
        if head.startswith(b"\xff\x4f"):
            return offset
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        start = 16 if size == 1 else 8
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        if kind == b"jp2c":
            return offset + start
        if size < start:
            break
        offset += size
    raise StructureError("no image in its boxes")


def _markers(file: IO[bytes], offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield kind and body of each marker segment: of the main header, and of each tile's."""
    offset, start = offset + 2, 0
    end: int | None = None  # of the tile; the image's data come before it
    for _ in range(MAX_TILES + MAX_BLOCKS):
        file.seek(offset)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == 0xD9:
            return
        kind, length = head[1], int.from_bytes(head[2:4], "big")
        if kind == 0x93:  # SOD
            if end is None:
                return
            offset = end
            continue
        body = file.read(max(0, length - 2))
        if kind == 0x90:  # SOT
            start, size = offset, int.from_bytes(body[2:6], "big")
            end = start + size if size > 12 else None
        yield kind, body
        offset += 2 + length
    raise StructureError("more marker segments than tiles")
