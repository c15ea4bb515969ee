"""Tags of EXIF and TIFF that share their bytes, or count by the million, cost next to nothing."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from face_forgery.data.images.decoding import ImageError, decode_rgb
from face_forgery.limits import MAX_TAG_NUMBERS

LIMIT = 40 * 2**20  # bytes of Python objects; the bombs ask for 150 MB and more
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
BYTES, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7


def directory(entries, data=b""):
    """Return a TIFF directory of ``(tag, type, count, value)``; the value -1 points at the data."""
    start = 8 + 2 + 12 * len(entries) + 4
    body = b"".join(
        struct.pack("<HHLL", *entry[:3], start if entry[3] < 0 else entry[3]) for entry in entries
    )
    head = b"II*\0" + struct.pack("<LH", 8, len(entries))
    return head + body + struct.pack("<L", 0) + data


def encode(form, exif=b""):
    buffer = io.BytesIO()
    NOISE.save(buffer, form, exif=exif)
    return buffer.getvalue()


def shared(tags=400, size=500_000, kind=UNDEFINED):
    return directory([(1000 + n, kind, size, -1) for n in range(tags)], bytes(size))


def jpeg(exif, marker=b"\xff\xe1", name=b"Exif\0\0"):
    plain, part = encode("JPEG"), 65_533 - len(name)
    parts = [name + exif[start : start + part] for start in range(0, len(exif), part)]
    segments = [marker + struct.pack(">H", len(one) + 2) + one for one in parts]
    return plain[:2] + b"".join(segments) + plain[2:]


def png(name, content):
    plain, end = encode("PNG"), 8 + 25
    chunk = struct.pack(">L", len(content)) + name + content
    return plain[:end] + chunk + struct.pack(">L", zlib.crc32(name + content)) + plain[end:]


def tiff(num_strips):
    """An image one pixel wide, of which each row is a strip of its own."""
    offsets = struct.pack("<L", 8) * num_strips
    one = [(tag, LONG, 1, value) for tag, value in ((256, 1), (257, num_strips))]
    one += [(tag, SHORT, 1, value) for tag, value in ((258, 8), (259, 1), (262, 1))]
    one += [(273, LONG, num_strips, -1), (277, SHORT, 1, 1), (278, LONG, 1, 1)]
    return directory(one, offsets)


BOMBS = {
    "JPEG": lambda: jpeg(shared()),
    "JPEG, numbers": lambda: jpeg(
        directory([(282, RATIONAL, 300_000, -1)], struct.pack("<LL", 300, 7) * 300_000)
    ),
    "PNG": lambda: png(b"eXIf", shared()),
    "PNG, as text": lambda: png(
        b"zTXt",
        b"Raw profile type exif\0\0"
        + zlib.compress(b"\nexif\n500000\n" + (b"Exif\0\0" + shared()).hex().encode()),
    ),
    "WebP": lambda: encode("WEBP", b"Exif\0\0" + shared()),
    "AVIF": lambda: encode("AVIF", shared()),
    "TIFF": shared,
    "TIFF, strips": lambda: tiff(MAX_TAG_NUMBERS + 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_tags_is_refused_before_it_takes_memory(name, monkeypatch):
    with monkeypatch.context() as as_pillow_has_it:  # the encoder of AVIF reads what it is given
        bounded = TiffImagePlugin.ImageFileDirectory_v2
        as_pillow_has_it.setattr(TiffImagePlugin, "ImageFileDirectory_v2", bounded.__base__)
        data = BOMBS[name]()
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=r"metadata|not an image") as caught:
            decode_rgb(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.status in ("too_large", "unreadable")
    assert peak < LIMIT


def test_the_texts_of_a_png_are_bounded_together():
    data = png(b"tEXt", b"a\0" + bytes(999_000))
    for _ in range(4):
        assert decode_rgb(data).size
        data = data[:33] + data[33 : 33 + 12 + 999_002] + data[33:]
    with pytest.raises(ImageError, match="memory used in text chunks"):
        decode_rgb(data)


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO file")
def test_of_a_jpeg_with_a_bomb_for_its_second_picture_the_first_is_read():
    data = jpeg(shared(tags=4000, size=16_000), b"\xff\xe2", b"MPF\0")
    tracemalloc.start()
    try:
        assert decode_rgb(data).shape == (64, 64, 3)
        assert tracemalloc.get_traced_memory()[1] < LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_an_honest_directory_is_read(form):
    turned = directory(
        [(274, SHORT, 1, 6), (0x9286, UNDEFINED, 20_000, -1), (0x9287, UNDEFINED, 20_000, -1)],
        bytes(20_000),
    )
    wide = io.BytesIO()
    NOISE.resize((64, 32)).save(wide, form, exif=b"Exif\0\0" + turned)
    assert decode_rgb(wide.getvalue()).shape == (64, 32, 3)


def test_an_image_of_many_strips_is_read():
    assert decode_rgb(tiff(20_000)).shape == (20_000, 1, 3)
