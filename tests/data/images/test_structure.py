"""Files that would cost gigabytes or minutes to decode are refused at once; honest ones pass."""

import io
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from face_forgery.data.images.decoding import ImageError, decode_rgb, read_header
from face_forgery.data.images.evidence import read_evidence

SMALL = Image.new("RGB", (64, 64), "red")
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))


def encode(form, image=SMALL, **options):
    buffer = io.BytesIO()
    image.copy().save(buffer, form, **options)
    return buffer.getvalue()


def jpeg(*segments):
    plain = encode("JPEG")
    return plain[:2] + b"".join(segments) + plain[2:]


def segment(kind, body):
    return bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body


def hidden_scans(number):
    """A JPEG whose scans stand where a walker looks that gives every marker a length."""
    data = encode("JPEG", image=Image.new("L", (64, 64)), progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + b"\xff\x01" + data[start:-2] * number + b"\xff\xd9"


def chunk(name, body):
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def png(*chunks):
    plain = encode("PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]


def gif(extension):
    plain = encode("GIF", image=SMALL.convert("P"))
    start = plain.index(b",")
    return plain[:start] + extension + plain[start:]


def tiff(entries, data=b""):
    """A TIFF of ``(tag, value or values)``; the value None is where ``data`` begin."""
    start = 8 + 2 + 12 * len(entries) + 4
    lists = b""
    body = b""
    for tag, value in entries:
        values = value if isinstance(value, list) else [value]
        at = start + len(lists) if len(values) > 1 else values[0]
        lists += struct.pack(f"<{len(values)}L", *values) if len(values) > 1 else b""
        body += struct.pack("<HHLL", tag, 4, len(values), at)
    return b"II*\0" + struct.pack("<LH", 8, len(entries)) + body + bytes(4) + lists + data


def tiff_image(side, *entries):
    head = [(256, side), (257, side), (258, 8), (259, 8), (262, 1)]
    return sorted([*head, *entries])


def codestream(tile, channels=3, block=4, precincts=b"", after=b""):
    sizes = (
        struct.pack(">H8LH", 0, 512, 512, 0, 0, tile, tile, 0, 0, channels) + b"\7\1\1" * channels
    )
    style = bytes([bool(precincts), 0, 0, 1, 0, 0, block, block, 0, 1]) + precincts
    main = segment(0x51, sizes) + segment(0x52, style) + segment(0x5C, b"\x40\x48")
    part = segment(0x90, struct.pack(">HLBB", 0, 15 + len(after), 0, 1)) + after
    return b"\xff\x4f" + main + part + b"\xff\x93\x80\xff\xd9"


PACKED = zlib.compress(bytes(1_000_000), 9)
BOMBS = {
    "JPEG: 1,001 segments": lambda: jpeg(b"\xff\xe5\0\2" * 1001),
    "JPEG: rubbish before the image": lambda: jpeg(b"\xff\xd0" * 1000),
    "JPEG: EXIF in 65 parts": lambda: jpeg(*[segment(0xE1, b"Exif\0\0" + bytes(99))] * 65),
    "JPEG: 20,000 channels": lambda: jpeg(segment(0xC0, b"\x08\0\x40\0\x40\xff" + bytes(60_000))),
    "JPEG: tables of 2 MB": lambda: jpeg(*[segment(0xDB, (b"\0" + b"\1" * 64) * 900)] * 36),
    "JPEG: scans behind a marker without a length": lambda: hidden_scans(101),
    "PNG: 1,001 chunks": lambda: png(chunk(b"prVt", b"") * 1001),
    "PNG: 65 packed texts": lambda: png(chunk(b"zTXt", b"a\0\0" + PACKED) * 65),
    "PNG: 65 profiles": lambda: png(chunk(b"iCCP", b"a\0\0" + PACKED) * 65),
    "PNG: pixels in 70,000 pieces": lambda: png(chunk(b"IDAT", b"") * 70_000),
    "PNG: a chunk of numbers": lambda: png(chunk(b"cHRM", bytes(400_000))),
    "GIF: comments of 1 byte": lambda: gif(b"!\xfe" + b"\1a" * 5000 + b"\0"),
    "GIF: 5,000 comments": lambda: gif(b"!\xfe\1a\0" * 5000),
    "GIF: comments of 2 MB": lambda: gif(b"!\xfe" + (b"\xff" + b"a" * 255) * 8000 + b"\0"),
    "BMP: run lengths": lambda: encode("BMP", image=SMALL.convert("P")).replace(
        struct.pack("<HHL", 1, 8, 0), struct.pack("<HHL", 1, 8, 1), 1
    ),
    "PPM: as text": lambda: b"P3 2 1 255\n" + b"# no\n" * 9 + b"1 2 3 4 5 6\n",
    "PPM: of another depth": lambda: b"P6 2 1 254\n" + bytes(6),
    "PPM: a long comment": lambda: b"P6\n#" + b"x" * 70_000 + b"\n2 1 255\n" + bytes(6),
    "TIFF: a tile of two gigabytes": lambda: tiff(
        tiff_image(64, (322, 46_000), (323, 46_000), (324, 8), (325, 100))
    ),
    "TIFF: strips that share their bytes": lambda: tiff(
        tiff_image(900, (273, [8] * 900), (278, 1), (279, [100_000] * 900)), bytes(100_000)
    ),
    "JPEG 2000: 65,536 tiles of 3 channels": lambda: codestream(2),
    "JPEG 2000: 16,384 channels": lambda: codestream(512, channels=16_384),
    "JPEG 2000: code blocks of 4 pixels": lambda: codestream(512, block=0),
    "JPEG 2000: precincts of a pixel": lambda: codestream(512, precincts=b"\0"),
    "JPEG 2000: code blocks of a tile": lambda: codestream(
        512, after=segment(0x52, bytes([0, 0, 0, 1, 0, 0, 0, 0, 0, 1]))
    ),
    "JPEG 2000: 20,000 comments": lambda: codestream(512, after=segment(0x64, b"") * 20_000),
    "JPEG 2000: no image": lambda: encode("JPEG2000")[:12] + struct.pack(">L4s", 8, b"free") * 1001,
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_cost_much_is_refused_before_it_is_decoded(name):
    data = BOMBS[name]()
    start = time.process_time()
    with pytest.raises(ImageError) as caught:
        decode_rgb(data)
    is_rare = name.startswith(("BMP", "PPM: as", "PPM: of"))
    assert caught.value.status == ("unreadable" if is_rare else "too_large"), caught.value
    assert str(caught.value).isprintable()
    assert read_header(data) is None
    read_evidence(data)
    assert time.process_time() - start < 2  # without the check ten times that, or gigabytes


def xmp(size):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "x" * size)
    info.add_text("Software", "camera")
    return info


HONEST = {
    "JPEG": lambda: encode("JPEG", PHOTO),
    "JPEG, progressive": lambda: encode("JPEG", PHOTO, progressive=True, quality=95),
    "JPEG with a profile and XMP": lambda: encode("JPEG", PHOTO, icc_profile=bytes(500_000)),
    "JPEG of four colors": lambda: encode("JPEG", PHOTO.convert("CMYK")),
    "JPEG with filling": lambda: jpeg(b"\xff" * 9),
    "MPO": lambda: encode("MPO", PHOTO, save_all=True, append_images=[PHOTO] * 3),
    "PNG": lambda: encode("PNG", PHOTO),
    "PNG with XMP and a profile": lambda: encode(
        "PNG", PHOTO, pnginfo=xmp(100_000), icc_profile=bytes(3000)
    ),
    "PNG, animated": lambda: encode("PNG", PHOTO, save_all=True, append_images=[SMALL] * 20),
    "GIF, animated": lambda: encode(
        "GIF", PHOTO, save_all=True, append_images=[SMALL] * 20, comment=b"x" * 3000
    ),
    "BMP": lambda: encode("BMP", PHOTO),
    "BMP of grey": cv2.imencode(".bmp", np.asarray(PHOTO)[..., 0])[1].tobytes,
    "PPM with a comment": lambda: b"P6\n# a b\n# c\n2 1\n255\n" + bytes(6),
    "PGM of 16 bits": lambda: b"P5 2 1 65535\n" + bytes(4),
    "PBM": lambda: encode("PPM", PHOTO.convert("1")),
    "TIFF": lambda: encode("TIFF", PHOTO),
    "TIFF, LZW": lambda: encode("TIFF", PHOTO, compression="tiff_lzw"),
    "TIFF, JPEG": lambda: encode("TIFF", PHOTO, compression="jpeg"),
    "TIFF, pages": lambda: encode("TIFF", PHOTO, save_all=True, append_images=[SMALL] * 5),
    "WebP": lambda: encode("WEBP", PHOTO),
    "AVIF": lambda: encode("AVIF", PHOTO),
    "JPEG 2000": lambda: encode("JPEG2000", PHOTO),
    "JPEG 2000 in tiles": lambda: encode("JPEG2000", PHOTO, tile_size=(64, 64)),
    "JPEG 2000 of small blocks": lambda: encode(
        "JPEG2000", PHOTO, codeblock_size=(16, 16), precinct_size=(128, 128), num_resolutions=3
    ),
    "JPEG 2000, bare": lambda: encode("JPEG2000", PHOTO, no_jp2=True, irreversible=True),
    "JPEG 2000 of OpenCV": cv2.imencode(".jp2", np.asarray(PHOTO))[1].tobytes,
}


@pytest.mark.parametrize("name", HONEST)
def test_what_encoders_write_is_decoded(name):
    assert decode_rgb(HONEST[name]()).size
