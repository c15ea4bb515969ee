"""Every way in which input can be wrong, and what it gets: one table, a test a row."""

import io
import os
import pickle
import re
import shutil
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from kedro.io import DatasetError
from PIL import Image
from safetensors.torch import load, save

from face_forgery.data.images.decoding import InputError
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.evaluation.comparison import ScoreError
from face_forgery.forgery.making.landmarks import LandmarksError
from face_forgery.inference.submission import SubmissionError
from face_forgery.modeling.detector import BackboneError, DetectorError
from face_forgery.params import ParameterError

Made = Any


class Refused(NamedTuple):
    """An error of the project's own kind; ``message`` is a regular expression."""

    message: str


class Rejected(NamedTuple):
    """A image that is listed with a status and a reason, and stops nothing."""

    status: str
    reason: str


class Accepted(NamedTuple):
    """Read; ``value`` is what one column (or the whole answer) then is, ``None``: not compared."""

    value: Any = None
    column: str = "img_name"


class Case(NamedTuple):
    kind: str  # its entry point: a fixture of conftest.py
    name: str
    made: Made
    gets: Refused | Rejected | Accepted


ERRORS: dict[str, Any] = {
    "labels": ManifestError,
    "names": ManifestError,
    "label folder": ManifestError,
    "table": DatasetError,
    "image file": ManifestError,
    "detector": DetectorError,
    "ensemble": DetectorError,
    "training state": ValueError,
    "starting weights": BackboneError,
    "model": BackboneError,
    "parameters": ParameterError,
    "parameter file": Exception,  # Kedro's and OmegaConf's own
    "submission": SubmissionError,
    "scores": ScoreError,
    "image list": InputError,
    "images": InputError,
    "landmarks": (LandmarksError, DatasetError),
}

HEADER = b"img_name,target\n"


# Images


def draw(mode: str = "RGB", *, height: int = 24, width: int = 32) -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encode(image: Image.Image, file_format: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, pixels: bytes, *, color: int = 2, more: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def tiff(width: int, height: int) -> bytes:
    """A header that promises an image, and ten bytes of it."""
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1))
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in (*tags, (279, 10))]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries)
    return head.ljust(210, b"\0")


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def many_scans() -> bytes:
    """A progressive JPEG that asks for its last pass thousands of times."""
    whole = encode(draw(), progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + 5000 * last + b"\xff\xd9"


def replaced(data: bytes, start: int, new: bytes) -> bytes:
    return data[:start] + new + data[start + len(new) :]


JPEG = encode(draw(height=200, width=200))
PNG, GIF, WEBP, BMP, AVIF = (encode(draw(), name) for name in ("PNG", "GIF", "WEBP", "BMP", "AVIF"))
FRAME, HUFFMAN = JPEG.index(b"\xff\xc0"), JPEG.index(b"\xff\xc4")
BLACK = b"\0" * 310  # 10 rows of 10 pixels
TEXT_BOMB = b"x\0\0" + zlib.compress(b"x" * 30_000_000)
NO_IMAGE = Rejected("unreadable", "not an image in one of AVIF, BMP")
OK = Rejected("ok", "^$")


# Files


def make(place: str, act: Callable[[Path], Any]) -> Callable[[Path], str]:
    def in_folder(images: Path) -> str:
        act(images / place)
        return place

    return in_folder


def named(name: str) -> Callable[[Path], str]:
    return lambda images: name


def bind_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # a socket's path has 107 bytes


# Detectors


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, crater: str) -> None:
        self._crater = crater

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (Path(self._crater), "executed"))


def pickled(*, by_torch: bool) -> bytes:
    if not by_torch:
        return pickle.dumps(Bomb("crater"))
    buffer = io.BytesIO()
    torch.save(Bomb("crater"), buffer)
    return buffer.getvalue()


def packed() -> bytes:
    """What torch saved, as an archive that has been compressed."""
    whole, buffer = io.BytesIO(saved({"format": 2, "x": torch.zeros(100_000)})), io.BytesIO()
    with (
        zipfile.ZipFile(whole) as plain,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for record in plain.infolist():
            small.writestr(record.filename, plain.read(record))
    return buffer.getvalue()


def asking(size: int, named: str = "builtins\nbytearray") -> bytes:
    """An archive as torch writes it, whose pickle calls ``named`` with a number."""
    whole, buffer = io.BytesIO(saved({})), io.BytesIO()
    with zipfile.ZipFile(whole) as plain, zipfile.ZipFile(buffer, "w") as changed:
        for record in plain.infolist():
            call = b"\x80\x02c" + named.encode() + b"\nJ" + size.to_bytes(4, "little") + b"\x85R."
            is_pickle = record.filename.endswith("data.pkl")
            changed.writestr(record.filename, call if is_pickle else plain.read(record))
    return buffer.getvalue()


def saved(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def meta(**changes: Any) -> Made:
    """Values of ``meta.json``; ``__`` stands for a dot."""
    return {"meta": {name.replace("__", "."): value for name, value in changes.items()}}


def file(name: str, content: Any, *, signed: bool = True) -> Made:
    return {"files": {name: content}, "signed": signed}


def weights(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Made:
    return file("model.safetensors", lambda whole: save(change(load(whole))))


def with_first(value: float) -> Made:
    """A convolution whose weights are all ``value``."""
    name = "conv1.0.weight"
    return weights(lambda old: old | {name: torch.full_like(old[name], value)})


def nested(folder: Path) -> None:
    """Put the ensemble in the place of its member."""
    whole = shutil.copytree(folder, folder.parent / "whole")
    shutil.rmtree(folder / "members/1_test_resnet")
    whole.rename(folder / "members/1_test_resnet")


# Tables


def scores(**columns: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(**columns)


# fmt: off
TABLE = [
    # Label files: what is read
    Case("labels", "carriage returns alone", b"img_name,target\ra.jpg,0\rb.jpg,1\r", Accepted(["a.jpg", "b.jpg"])),
    Case("labels", "mixed line ends", b"img_name,target\r\na.jpg,0\rb.jpg,1\n", Accepted(["a.jpg", "b.jpg"])),
    Case("labels", "byte-order mark and quotes", b'\xef\xbb\xbf"img_name","target"\n"a.jpg","0"\n', Accepted(["a.jpg"])),
    Case("labels", "no line end at the end", HEADER + b"a.jpg,0", Accepted(["a.jpg"])),
    Case("labels", "space behind a target", HEADER + b'a.jpg,"1 "\nb.jpg,0 \n', Accepted([1, 0], "target")),
    Case("labels", "name with spaces inside", HEADER + b"my face 1.jpg,0\n", Accepted(["my face 1.jpg"])),
    Case("labels", "name called nan", HEADER + b"nan,1\nNA,0\n", Accepted(["nan", "NA"])),
    Case("labels", "formula as a name", HEADER + b"=1+1.jpg,0\n", Accepted(["=1+1.jpg"])),
    Case("labels", "names that differ by case", HEADER + b"A.jpg,0\na.jpg,1\n", Accepted(["A.jpg", "a.jpg"])),
    Case("labels", "composed and decomposed letters", HEADER + "\u00e9.jpg,0\ne\u0301.jpg,1\n".encode(), Accepted(["\u00e9.jpg", "e\u0301.jpg"])),
    Case("labels", "name that ends in a dot", HEADER + b"a.jpg.,0\n", Accepted(["a.jpg."])),
    Case("labels", "name of 5,000 letters", HEADER + b"a" * 5000 + b",0\n", Accepted(["a" * 5000])),
    Case("labels", "home folder in a name", HEADER + b"~/a.jpg,0\n", Accepted(["faces/~/a.jpg"], "path")),
    Case("labels", "percent signs in place of dots", HEADER + b"%2e%2e/a.jpg,0\n", Accepted(["faces/%2e%2e/a.jpg"], "path")),
    Case("labels", "dots in a name that lead nowhere", b"a..b.jpg,0\n..c/d.jpg,1\n", Accepted(["a..b.jpg", "..c/d.jpg"])),
    Case("labels", "one column without a name", b"img_name,target,\na.jpg,0,\n", Accepted(["a.jpg"])),
    Case("labels", "line break in a foreign column", b'img_name,target,note\na.jpg,0,"x\ny"\n', Accepted(["a.jpg"])),
    # Label files: the file as a whole
    Case("labels", "empty", b"", Refused("labels.txt: the file is empty")),
    Case("labels", "blank lines alone", b"\xef\xbb\xbf \r\n\r\n", Refused("the file is empty")),
    Case("labels", "header alone", b"img_name,target\r\n", Refused("holds a header and no row")),
    Case("labels", "UTF-16", "img_name,target\n".encode("utf-16"), Refused("is UTF-16; save it as UTF-8")),
    Case("labels", "UTF-32", "img_name,target\n".encode("utf-32"), Refused("save it as UTF-8")),
    Case("labels", "UTF-16 without a mark", "img_name,target\na.jpg,0\n".encode("utf-16-le"), Refused("line 1 holds control characters .a NUL byte.: .*UTF-16 without its mark")),
    Case("labels", "Latin-1", HEADER + b"a.jpg,0\n\xe9.jpg,1\n", Refused(r"line 3 is not UTF-8 \(byte 0xe9\)")),
    Case("labels", "Latin-1 behind carriage returns", b"img_name,target\ra.jpg,0\r\xe9.jpg,1\r", Refused("line 3 is not UTF-8")),
    Case("labels", "surrogates", HEADER + b"\xed\xa0\x80.jpg,0\n", Refused("line 2 is not UTF-8")),
    Case("labels", "slash written too long", HEADER + b"..\xc0\xafa.jpg,0\n", Refused("line 2 is not UTF-8")),
    Case("labels", "zeros", bytes(1000), Refused("line 1 holds control characters")),
    Case("labels", "image in its place", PNG, Refused("a PNG image, and no label file")),
    Case("labels", "archive in its place", b"PK\x03\x04" + bytes(50), Refused("a ZIP archive, and no label file .*unpack it")),
    Case("labels", "web page in its place", b"<!DOCTYPE html><html></html>", Refused("a web page or XML, and no label file")),
    *(
        Case("labels", f"{kind} in its place", data, Refused(f"{kind}, and no label file .*{remedy}"))
        for kind, data, remedy in (
            ("an Excel workbook", b"PK\x03\x04" + b"[Content_Types].xml", "save it as CSV"),
            ("an HDF5 file", b"\x89HDF\r\n\x1a\n", "save it as CSV"),
            ("a gzip archive", b"\x1f\x8b\x08\x00", "unpack it"),
            ("a tar archive", bytes(257) + b"ustar\x00", "unpack it"),
        )
    ),
    Case("labels", "pointer of Git LFS", b"version https://git-lfs.github.com/spec/v1\n", Refused("a pointer of Git LFS, .*git lfs pull")),
    Case("labels", "JSON in its place", b'[{"img_name": "a.jpg", "target": 0}]', Refused("JSON, and no label file .*save it as CSV")),
    Case("labels", "first line of 3,000,000 letters", b"a" * 3_000_000, Refused("the first line, 3,000,000 characters, is no header")),
    Case("labels", "two byte-order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + HEADER + b"a.jpg,0\n", Refused("neither a header")),
    Case("labels", "two files behind one another", HEADER + b"a.jpg,0\n" + HEADER + b"b.jpg,1\n", Refused("1 of 3 rows are the header again; .*line 3")),
    Case("names", "two files behind one another", b"img_name\na.jpg\nimg_name\nb.jpg\n", Refused("are the header again.*line 3")),
    Case("labels", "byte-order mark between two files", b"a.jpg,0\n\xef\xbb\xbfb.jpg,1\n", Refused("hold control characters: line 2: '.ufeffb.jpg'")),
    # Label files: header and separators
    Case("labels", "tabs", b"img_name\ttarget\na.jpg\t0\n", Refused("separated by tabs")),
    Case("labels", "semicolons", b"a.jpg;0\n", Refused("separated by semicolons")),
    Case("labels", "vertical bars", b"img_name|target\n", Refused("separated by vertical bars")),
    Case("labels", "spaces", b"img_name target\na.jpg 0\n", Refused("neither a header")),
    Case("labels", "single quotes", b"'img_name','target'\n'a.jpg','0'\n", Refused("neither a header")),
    Case("labels", "header in capitals", b"IMG_NAME,TARGET\na.jpg,0\n", Refused("neither a header")),
    Case("labels", "comment first", b"# labels\nimg_name,target\na.jpg,0\n", Refused("'# labels' is neither a header")),
    Case("labels", "other column names", b"name,label\na.jpg,0\n", Refused("'name,label' is neither a header with 'img_name,target' nor")),
    Case("labels", "three values without header", b"a.jpg,0,1\n", Refused("neither a header")),
    Case("labels", "names alone", b"a.jpg\nb.jpg\n", Refused("neither a header")),
    Case("labels", "no column of targets", b"img_name,label\na.jpg,0\n", Refused(r"missing column 'target'; found \['img_name', 'label'\]")),
    Case("labels", "column twice", b"img_name,target,target\na.jpg,0,1\n", Refused("names column.s. twice: target")),
    Case("labels", "two columns without a name", b"img_name,target,,\na.jpg,0,,\n", Refused(r"names column.s. twice: \(no name\)")),
    Case("labels", "quote of the header never closed", b'"img_name,target\na.jpg,0\n', Refused("a double quote is never closed in the first line")),
    Case("labels", "line break in the header", b'"img_name\n",target\na.jpg,0\n', Refused("a double quote is never closed")),
    Case("labels", "quote of a row never closed", HEADER + b'"a.jpg,0\nb.jpg,1\n', Refused(r"1 row\(s\) do not have 2 value\(s\): line 2: 1")),
    Case("labels", "rows too short and too long", b"img_name,target\na.jpg,0\n\nb.jpg\nc.jpg,1,1\n", Refused(r"2 row\(s\) do not have 2 value\(s\): line 4: 1 \('b.jpg'\), line 5: 3 \('c.jpg,1,1'")),
    Case("labels", "short row without header", b"a.jpg,0\n\nb.jpg\n", Refused(r"line 3: 1 \('b.jpg'\)")),
    Case("labels", "short row behind a quoted line break", HEADER + b'"a\nb.jpg",0\nc.jpg\n', Refused(r"line 4: 1 \('c.jpg'\)")),
    Case("labels", "end-of-file sign of old systems", HEADER + b"a.jpg,0\n\x1a", Refused(r"line 3: 1 \('.x1a'\)")),
    # Label files: targets
    *(Case("labels", f"target {target!r}", HEADER + f"a.jpg,{target}\n".encode(), Refused(r"1 of 1 targets are not 0 \(real\) or 1 \(fake\): line 2")) for target in ("0.5", "2", "-1", "+1", "01", "nan", "swap", "", "\uff11")),
    *(Case("labels", f"target {target!r}", HEADER + f"a.jpg,{target}\n".encode(), Accepted([1], "target")) for target in ("1.0", "true", "FAKE")),
    Case("labels", "several wrong targets", b"img_name,target\n\na.jpg,0\nb.jpg,2\nc.jpg,\nd.jpg,swap\ne.jpg,-1\n", Refused(r"4 of 5 targets are not 0 \(real\) or 1 \(fake\): line 4: '2', line 5: '', line 6: 'swap', \.\.\.")),
    Case("labels", "wrong target behind a quoted line break", b'img_name,target,note\na.jpg,0,"x\r\ny"\nb.jpg,7,z\n', Refused("line 4: '7'")),
    # Label files: names
    Case("labels", "no name", HEADER + b",0\n", Refused("have an empty name: line 2: ''")),
    Case("labels", "name of spaces", HEADER + b"   ,0\n", Refused("have an empty name")),
    Case("labels", "way out", b"../a.jpg,0\n", Refused("1 of 1 image names lead out of the image folder: line 1: '../a.jpg'")),
    Case("labels", "way out behind a folder", b"x/../../a.jpg,0\n", Refused("lead out of the image folder")),
    Case("labels", "absolute path", b"/data/a.jpg,0\n", Refused("are absolute paths: line 1: '/data/a.jpg'")),
    Case("labels", "drive", b"C:/data/a.jpg,0\n", Refused("are absolute paths")),
    Case("labels", "drive with backslashes", b"C:\\data\\a.jpg,0\n", Refused("are absolute paths")),
    Case("labels", "network path", b"\\\\host\\a.jpg,0\n", Refused("are absolute paths")),
    Case("labels", "backslash", b"real\\a.jpg,0\n", Refused("hold a backslash")),
    Case("labels", "control character", b"a\x01.jpg,0\n", Refused("control characters")),
    Case("labels", "control character of Latin-1", HEADER + "a\x85.jpg,0\n".encode(), Refused("control characters")),
    Case("labels", "name that reads backwards", HEADER + "\u202egpj.exe,0\n".encode(), Refused("control characters")),
    Case("labels", "kind that reads backwards", "img_name,target,kind\na.jpg,1,\u2066x\n".encode(), Refused("control characters in the column kind")),
    Case("labels", "name in Arabic with a direction mark", HEADER + "\u200f\u0648\u062c\u0647.jpg,0\n".encode(), Accepted(["\u200f\u0648\u062c\u0647.jpg"])),
    Case("labels", "line break in a name", HEADER + b'"a\nb.jpg",0\n', Refused("control characters: line 2")),
    Case("labels", "NUL in a name", HEADER + b"a\x00.jpg,0\n", Refused("line 2 holds control characters")),
    Case("labels", "line break in a group", b'img_name,target,group\na.jpg,0,"g\nh"\n', Refused("1 of 1 rows hold control characters in the column group; .*line 2")),
    Case("labels", "name twice, same target", HEADER + b"a.jpg,0\na.jpg,0\n", Refused(r"1 image\(s\) are listed more than once: line 2: 'a.jpg', line 3")),
    Case("labels", "name twice, both targets", HEADER + b"a.jpg,0\na.jpg,1\n", Refused("are listed more than once")),
    Case("labels", "name twice, spelt otherwise", b"img_name,target\na.jpg,0\nb.jpg,1\n./a.jpg,1\n", Refused(r"1 image\(s\) are listed more than once: line 2: 'a.jpg', line 4: './a.jpg'")),
    Case("labels", "name twice, with more slashes", HEADER + b"x//a.jpg,0\nx/a.jpg,1\n", Refused("are listed more than once")),
    Case("label folder", "nothing in it", (), Refused("the folder holds no image")),
    Case("label folder", "file outside the class folders", ("real/a.jpg", "a.jpg"), Refused("1 of 2 files lie in no class folder, .*: ./ .1.; .*real/")),
    Case("label folder", "name that is no text", ("real/\udce9.jpg",), Refused(r"1 file name\(s\) are not UTF-8")),
    Case("label folder", "line break in a file name", ("real/a\n.jpg",), Refused("control characters")),
    # Tables of an earlier run
    Case("table", "text in place of Parquet", ("t.parquet", b"img_name\n"), Refused("t.parquet: not a Parquet table .*; delete it")),
    Case("table", "empty Parquet", ("t.parquet", b""), Refused("t.parquet: not a Parquet table")),
    Case("table", "truncated Parquet", ("t.parquet", b"PAR1" + bytes(40)), Refused("t.parquet: not a Parquet table")),
    Case("table", "empty CSV", ("t.csv", b""), Refused("t.csv: not a table of comma-separated values .*; delete it")),
    Case("table", "CSV that is no text", ("t.csv", b"a,b\n\xff\xfe,1\n"), Refused("t.csv: not a table")),
    Case("table", "CSV with a longer row", ("t.csv", b"a,b\n1,2\n1,2,3\n"), Refused("t.csv: not a table")),
    # Images that are decoded
    Case("image", "grey", encode(draw("L")), OK),
    Case("image", "CMYK", encode(draw("CMYK")), OK),
    Case("image", "16-bit grey", encode(Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)), "PNG"), OK),
    Case("image", "palette with transparency", encode(draw().quantize(8), "PNG", transparency=0), OK),
    Case("image", "animated GIF", encode(draw(), "GIF", save_all=True, append_images=[draw("L")]), OK),
    Case("image", "animated WebP", encode(draw(), "WEBP", save_all=True, append_images=[draw()]), OK),
    Case("image", "EXIF-rotated", encode(draw(), exif=exif(6)), OK),
    Case("image", "EXIF orientation that there is not", encode(draw(), exif=exif(99)), OK),
    Case("image", "corrupt EXIF", encode(draw(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), OK),
    Case("image", "corrupt color profile", encode(draw(), icc_profile=b"nonsense" * 50), OK),
    Case("image", "1 x 1", encode(draw(height=1, width=1), "PNG"), OK),
    Case("image", "1 x 20,000", encode(Image.new("RGB", (1, 20_000))), OK),
    Case("image", "20,000 x 1", encode(Image.new("RGB", (20_000, 1)), "PNG"), OK),
    Case("image", "bytes behind the end", JPEG + b"PK\x03\x04" + bytes(100), OK),
    Case("image", "more pixels than the header says", png(10, 10, bytes(20_000_000)), OK),
    # Images that are not
    Case("image", "empty", b"", Rejected("unreadable", "it is empty")),
    Case("image", "text", b"this is no image, whatever it is called", NO_IMAGE),
    Case("image", "zeros", bytes(1000), NO_IMAGE),
    Case("image", "SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", NO_IMAGE),
    Case("image", "PDF", b"%PDF-1.4\n", NO_IMAGE),
    Case("image", "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NO_IMAGE),
    Case("image", "HEIC", b"\0\0\0\x18ftypheic" + bytes(20), NO_IMAGE),
    Case("image", "video", b"\0\0\0\x18ftypisom" + bytes(20), Rejected("unreadable", "a video, not an image; judge it with")),
    Case("image", "first bytes of a JPEG", JPEG[:20], NO_IMAGE),
    Case("image", "truncated JPEG", JPEG[:1500], Rejected("unreadable", "damaged: image file is truncated")),
    Case("image", "truncated PNG", PNG[: len(PNG) // 2], Rejected("unreadable", "damaged")),
    Case("image", "truncated GIF", GIF[: len(GIF) - 20], Rejected("unreadable", "damaged")),
    Case("image", "truncated WebP", WEBP[: len(WEBP) // 2], Rejected("unreadable", "damaged")),
    Case("image", "truncated BMP", BMP[:60], Rejected("unreadable", "damaged")),
    Case("image", "truncated AVIF", AVIF[: len(AVIF) // 2], Rejected("unreadable", "")),
    Case("image", "truncated TIFF", tiff(100, 100), Rejected("unreadable", "damaged")),
    Case("image", "wrong Huffman table", replaced(JPEG, HUFFMAN + 5, b"\xff" * 16), Rejected("unreadable", "damaged: broken data stream")),
    Case("image", "no quantization table", JPEG.replace(b"\xff\xdb", b"\xff\xe5"), Rejected("unreadable", "damaged")),
    Case("image", "JPEG of 0 x 0", replaced(JPEG, FRAME + 5, bytes(4)), NO_IMAGE),
    Case("image", "JPEG of five colors", replaced(JPEG, FRAME + 9, b"\x05"), NO_IMAGE),
    Case("image", "wrong checksum of PNG", PNG[:-20] + bytes(4) + PNG[-16:], Rejected("unreadable", "damaged")),
    Case("image", "PNG without pixels", png(10, 10, b""), Rejected("unreadable", "damaged")),
    Case("image", "palette without colors", png(10, 10, BLACK[:110], color=3), Rejected("unreadable", "damaged")),
    Case("image", "floating-point pixels", encode(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), Rejected("unreadable", "floating-point pixels")),
    Case("image", "grey values beyond 16 bits", encode(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), Rejected("unreadable", "leave the range of 16 bits")),
    Case("image", "text bomb in a PNG", png(10, 10, BLACK, more=chunk(b"zTXt", TEXT_BOMB)), Rejected("unreadable", "too large")),
    Case("image", "profile bomb in a PNG", png(10, 10, BLACK, more=chunk(b"iCCP", TEXT_BOMB)), Rejected("unreadable", "too large")),
    # Bombs
    Case("image", "JPEG of 65,535 x 65,535", replaced(JPEG, FRAME + 5, b"\xff" * 4), Rejected("too_large", "4294836225 pixels")),
    Case("image", "PNG of 50,000 x 50,000", png(50_000, 50_000, b""), Rejected("too_large", "2500000000 pixels")),
    Case("image", "PNG just above the limit", png(15_000, 9_000, b""), Rejected("too_large", "15000 x 9000 pixels are more than the")),
    Case("image", "GIF of 65,535 x 65,535", replaced(GIF, 6, b"\xff" * 4), Rejected("too_large", "pixels")),
    Case("image", "BMP of 2**30 x 2**30", replaced(BMP, 18, struct.pack("<ii", 2**30, 2**30)), Rejected("too_large", "pixels")),
    Case("image", "TIFF of 60,000 x 60,000", tiff(60_000, 60_000), Rejected("too_large", "pixels")),
    Case("image", "PPM of 99,999 x 99,999", b"P6 99999 99999 255\n", Rejected("too_large", "pixels")),
    Case("image", "JPEG of 5,000 passes", many_scans(), Rejected("too_large", "more than 100 passes")),
    # Names that stand for no image
    Case("image file", "missing", named("gone.jpg"), Rejected("missing", "no such file")),
    Case("image file", "name of 300 letters", named("a" * 300 + ".jpg"), Rejected("unreadable", "File name too long")),
    Case("image file", "path of 3,000 folders", named("a/" * 3000 + "b.jpg"), Rejected("unreadable", "File name too long")),
    Case("image file", "image as a folder", named("good.png/b.jpg"), Rejected("missing", "no such file")),
    Case("image file", "other case", named("Good.png"), Rejected("missing", "no such file; good.png is there: is the case of the letters another one?")),
    Case("image file", "folder", make("x.jpg", Path.mkdir), Rejected("unreadable", "a folder, not an image")),
    Case("image file", "pipe", make("x.jpg", os.mkfifo), Rejected("unreadable", "not a regular file")),
    Case("image file", "socket", make("x.jpg", bind_socket), Rejected("unreadable", "not a regular file")),
    Case("image file", "link to nothing", make("x.jpg", lambda path: path.symlink_to("gone.jpg")), Rejected("missing", "no such file: a link to gone.jpg")),
    Case("image file", "link to itself", make("x.jpg", lambda path: path.symlink_to("x.jpg")), Rejected("unreadable", "symbolic links")),
    Case("image file", "link out of the folder", make("x.jpg", lambda path: path.symlink_to("/etc/hostname")), Refused(r"1 of 2 images are links that lead out .*: train row 0 \(x.jpg\); the first leads into /etc. Copy the files .*ingestion.links_into")),
    Case("image file", "link to a device", make("x.jpg", lambda path: path.symlink_to("/dev/zero")), Refused("are links that lead out")),
    # Detectors: the files
    Case("detector", "whole", {}, Accepted()),
    Case("detector", "weights a byte shorter", file("model.safetensors", lambda whole: whole[:-1], signed=False), Refused("model.safetensors: the content is not what meta.json says")),
    Case("detector", "truncated weights, checksum made to fit", file("model.safetensors", lambda whole: whole[:5000]), Refused("not a safetensors file")),
    Case("detector", "empty weights", file("model.safetensors", b""), Refused("not a safetensors file .*; other kinds of weights are never opened")),
    Case("detector", "header that promises an exabyte", file("model.safetensors", (2**60).to_bytes(8, "little") + b"{}"), Refused("not a safetensors file")),
    Case("detector", "pickle of torch", file("model.safetensors", pickled(by_torch=True)), Refused("not a safetensors file")),
    Case("detector", "pickle", file("model.safetensors", pickled(by_torch=False)), Refused("not a safetensors file")),
    Case("detector", "folder in place of the weights", {"files": {"model.safetensors": None}}, Refused("model.safetensors: the file cannot be read .Is a directory")),
    Case("detector", "folder in place of meta.json", {"files": {"meta.json": None}}, Refused(r"^[^;]*meta.json: the file cannot be read .Is a directory")),
    Case("detector", "pipe in place of meta.json", {"files": {"meta.json": "pipe"}}, Refused("meta.json: not a regular file")),
    Case("detector", "endless meta.json", {"files": {"meta.json": "/dev/zero"}}, Refused("meta.json: not a regular file")),
    Case("detector", "endless weights", {"files": {"model.safetensors": "/dev/zero"}}, Refused("model.safetensors: not a regular file")),
    Case("detector", "meta.json of 5 MB", file("meta.json", b" " * 5_000_000, signed=False), Refused("5,000,000 bytes are more than the 4,194,304 that such a file of a detector may have")),
    Case("detector", "meta.json empty", file("meta.json", b"", signed=False), Refused("meta.json: not JSON")),
    Case("detector", "meta.json nested 100,000 deep", file("meta.json", b"[" * 100_000, signed=False), Refused("meta.json: not JSON")),
    Case("detector", "meta.json with 5,000 digits", file("meta.json", b'{"format": ' + b"9" * 5000 + b"}", signed=False), Refused("meta.json: not JSON")),
    Case("detector", "meta.json in Latin-1", file("meta.json", b'{"\xe9": 1}', signed=False), Refused("meta.json: not JSON")),
    Case("detector", "newer format", meta(format=4), Refused("format 4 is unknown, .* install the version that wrote it")),
    Case("detector", "format that is no number", meta(format=[3]), Refused(r"format \[3\] is unknown")),
    Case("detector", "marks that steer a terminal", meta(format="\x1b[31mx", code_version="\x1b]0;a\x07\u202e\nb"), Refused(r"^[^\x00-\x1f\u202e]*install the version that wrote it \(\\x1b\]0;a\\x07\\u202e b\)[^\x00-\x1f]*$")),
    Case("detector", "unknown key", meta(surprise=1), Refused("surprise: Extra inputs are not permitted")),
    Case("detector", "key missing", file("meta.json", b'{"format": 2}', signed=False), Refused(r"meta.json: 11 fault\(s\): architecture: Field required")),
    Case("detector", "no checksums", meta(sha256={}), Refused("the content is not what meta.json says")),
    # Detectors: the weights
    Case("detector", "NaN weights", with_first(float("nan")), Refused("no number for 1 of 1 images: its weights are damaged or not finite")),
    Case("detector", "infinite weights", with_first(float("inf")), Refused("damaged or not finite")),
    Case("detector", "weights that overflow", with_first(3e38), Refused("damaged or not finite")),
    Case("detector", "whole numbers", weights(lambda old: {name: value.long() for name, value in old.items()}), Refused(r"\d+ of \d+ weights .* are numbers of another kind than test_resnet has")),
    Case("detector", "complex numbers", weights(lambda old: old | {"conv1.0.weight": old["conv1.0.weight"].to(torch.complex64)}), Refused("conv1.0.weight .torch.complex64")),
    Case("detector", "tensor missing", weights(lambda old: {name: value for name, value in old.items() if name != "fc.bias"}), Refused("(?s)do not fit test_resnet .*Missing key.*fc.bias")),
    Case("detector", "tensor too many", weights(lambda old: old | {"more": torch.zeros(1)}), Refused("(?s)do not fit test_resnet .*Unexpected key.*more")),
    Case("detector", "wrong shape", weights(lambda old: old | {"fc.bias": torch.zeros(3)}), Refused("(?s)do not fit .*size mismatch for fc.bias")),
    # Detectors: what they say of themselves
    *(
        Case("detector", f"{name} {value}", meta(**{f"preprocessing__{name}": value}), Refused(rf"meta.json: 1 fault\(s\): preprocessing: .*{name}=.* is not"))
        for name, value in (("image_size", 0), ("image_size", -1), ("image_size", 1_000_000), ("interpolation", "nearest"), ("mean", [0.5, 0.5]), ("mean", [float("nan")] * 3), ("std", [0, 0, 0]), ("std", [-1, -1, -1]))
    ),
    Case("detector", "temperature NaN", meta(temperature=float("nan")), Refused("temperature: Input should be a finite number")),
    Case("detector", "temperature 0", meta(temperature=0), Refused("temperature: Input should be greater than 0")),
    Case("detector", "thresholds that cross", meta(operating_points__real_threshold=0.9), Refused("operating_points: .*are not ascending within 0 to 1")),
    Case("detector", "threshold NaN", meta(operating_points__fake_threshold=float("nan")), Refused("are not ascending")),
    Case("detector", "threshold 7", meta(operating_points__fake_threshold=7), Refused("are not ascending")),
    Case("detector", "format before with a view twice", meta(format=2, views=["whole", "whole"]), Refused("mean over views=.*none, flip, crop, flip_crop of scoring.tta")),
    Case("detector", "unknown test-time augmentation", meta(tta="sideways"), Refused("tta: Input should be 'none'")),
    Case("detector", "unknown architecture", meta(architecture="resnetx"), Refused("made for another version of timm, or its meta.json is damaged: .*did you mean")),
    Case("detector", "architecture of a hub", meta(architecture="hf-hub:someone/something"), Refused("is not a timm model")),
    Case("detector", "architecture of a folder", meta(architecture="local-dir:/tmp"), Refused("is not a timm model")),
    Case("detector", "unknown option", meta(options={"foo": 1}), Refused("does not take {'foo': 1}")),
    Case("detector", "option of a billion", meta(options={"layers": [1, 10**9, 1, 1]}), Refused(r"must not hold 1000000000: no network has more than 65,536")),
    Case("detector", "thousands of layers", meta(options={"layers": [1, 1, 60_000, 1]}), Refused("has more than .* layers, and there are .* weights")),
    Case("detector", "layers of gigabytes", meta(options={"channels": [60_000] * 4}), Refused("a tensor has 32,400,000,000 numbers")),
    Case("detector", "option of the wrong kind", meta(options={"act_layer": "foo"}), Refused("does not take {'act_layer': 'foo'}")),
    *(Case("detector", f"option {name}", meta(options={name: value}), Refused(rf"options: .*must not hold \['{name}'\], which would fetch or open other weights")) for name, value in (("pretrained", True), ("checkpoint_path", "crater.pth"), ("pretrained_cfg_overlay", {"file": "crater.pth"}), ("num_classes", 5))),
    Case("ensemble", "whole", lambda folder: {}, Accepted()),
    Case("ensemble", "no members", lambda folder: {"ensemble": []}, Refused("ensemble: List should have at least 1 item")),
    Case("ensemble", "member outside", lambda folder: {"ensemble": [{"folder": "members/../..", "architecture": "x", "identity": "x"}]}, Refused("ensemble.0.folder: String should match")),
    Case("ensemble", "another member than it says", lambda folder: {"ensemble": [{"folder": "members/1_test_resnet", "architecture": "x", "identity": "0" * 16}]}, Refused("members/1_test_resnet: this is not the member that meta.json of the ensemble names")),
    Case("ensemble", "member changed since", lambda folder: {"sha256": {"members/1_test_resnet/meta.json": "0" * 64}}, Refused("the content is not what meta.json says")),
    Case("ensemble", "ensemble as a member", nested, Refused("(an ensemble cannot be the member of one|not what meta.json says|not the member)")),
    # Training states and starting weights
    Case("training state", "empty", b"", Refused("cannot be read as a training state .*; nothing in it was executed. Start anew")),
    Case("training state", "text", b"state", Refused("nothing in it was executed")),
    Case("training state", "pickle", pickled(by_torch=False), Refused("nothing in it was executed")),
    Case("training state", "pickle of torch", pickled(by_torch=True), Refused("nothing in it was executed")),
    Case("training state", "tensor alone", saved(torch.zeros(2)), Refused("not a training state of format 3")),
    Case("training state", "older format", saved({"format": 1}), Refused(r"not a training state of format 3 \(found format 1\)")),
    Case("training state", "keys missing", saved({"format": 3, "epoch": 1}), Refused("not a training state of format 3")),
    Case("training state", "bomb", packed(), Refused(r"ValueError.; nothing in it was executed")),
    Case("training state", "pickle that asks for 2 GB", asking(2**31 - 1), Refused("ValueError.; nothing in it was executed")),
    Case("training state", "truncated", saved({"format": 2})[:-100], Refused("cannot be read as a training state")),
    Case("starting weights", "text", ("w.safetensors", b"x"), Refused("cannot be read as weights .*Nothing in it was executed")),
    Case("starting weights", "pickle", ("w.pth", pickled(by_torch=True)), Refused("Nothing in it was executed")),
    Case("starting weights", "bomb", ("w.pth", packed()), Refused(r"its [\d,]+ bytes would become 40\d,\d+, which torch never writes")),
    Case("starting weights", "pickle that asks for 2 GB", ("w.pth", asking(2**31 - 1)), Refused("its pickle asks for builtins.bytearray, which no plain tensor needs")),
    Case("starting weights", "tensor that asks for 2 GB", ("w.pth", asking(2**29, "torch\nTensor")), Refused("its pickle asks for torch.Tensor")),
    Case("starting weights", "bare pickle that asks for 2 GB", ("w.pth", b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R."), Refused("not an archive of torch; .* save it again")),
    Case("starting weights", "other ending", ("w.bin", b"x"), Refused("cannot be read as weights .*Nothing in it was executed")),
    Case("starting weights", "of nothing", ("w.pth", saved({})), Refused("does not hold a mapping of tensors")),
    Case("starting weights", "of another network", ("w.safetensors", save({"x": torch.zeros(1)})), Refused("does not fit model.backbone='test_resnet' .*the file lacks")),
    Case("model", "unknown backbone", {"model.backbone": "resnet81"}, Refused("is not a timm model; did you mean")),
    Case("model", "unknown weights of a backbone", {"model.backbone": "resnet18.mine"}, Refused("has no weights 'resnet18.mine'|has no weights 'mine'")),
    Case("model", "unknown option", {"model.options": {"foo": 1}}, Refused("does not take .*change model.options")),
    Case("model", "option of the wrong kind", {"model.options": {"act_layer": "foo"}}, Refused("does not take .*'act_layer': 'foo'")),
    # Parameters
    *(
        Case("parameters", f"{name}={value!r:.30}", {name: value}, Refused(rf"1 fault\(s\) .*\n +{name}[.\w]*: {rule}"))
        for name, value, rule in (
            ("data.root", "", "it is empty, and a name is needed"),
            ("data.val_labels", "", "it is empty, and a name is needed"),
            ("data.train_images", "a\0b", "String should match"),
            ("inference.images", "", "it is empty, and a name is needed"),
            ("ingestion.columns.target", "", "it is empty, and a name is needed"),
            ("ingestion.max_rejected", True, "true and false are no value of it"),
            ("ingestion.class_folders", {"real": 2}, ".*0 or 1"),
            ("ingestion.num_workers", 10**30, "Input should be less than or equal to 512"),
            ("ingestion.num_workers", -1, "Input should be greater than or equal to 0"),
            ("training.batch_size", True, "true and false are no value of it"),
            ("training.batch_size", 1.5, "Input should be a valid integer"),
            ("training.batch_size", 0, "Input should be greater than or equal to 1"),
            ("training.epochs", "many", "Input should be a valid integer"),
            ("training.epochs", None, "Input should be a valid integer"),
            ("training.epochs", [1], "Input should be a valid integer"),
            ("training.seed", -1, "Input should be greater than or equal to 0"),
            ("training.seed", 10**30, "Input should be less than 4294967296"),
            ("splitting.seed", 2**32, "Input should be less than 4294967296"),
            ("training.grad_clip_norm", float("inf"), "Input should be a finite number"),
            ("training.grad_clip_norm", float("nan"), "Input should be"),
            ("training.optimizer.learning_rate", float("nan"), "Input should be"),
            ("training.optimizer.learning_rate", "1e400", "Input should be a finite number"),
            ("training.mixup_alpha", float("inf"), "Input should be a finite number"),
            ("training.label_smoothing", float("nan"), "Input should be"),
            ("augmentation.crop_scale", float("nan"), "Input should be"),
            ("augmentation.blur", -0.1, "Input should be greater than or equal to 0"),
            ("forging.kinds", {"face_swap": 1e308}, ".*"),
            ("evaluation.num_resamples", 10**30, "Input should be less than or equal to 100000"),
            ("demo_data.image_size", 10**30, "Input should be less than or equal to 1024"),
            ("demo_data.train_images", 10**30, "Input should be less than or equal to 10000000"),
            ("inference.output", "scores.xlsx", "String should match"),
            ("scoring.tta", "sideways", "Input should be 'none'"),
        )
    ),
    Case("parameters", "section that is a list", {"data": []}, Refused("data: Input should be a valid dictionary")),
    Case("parameters", "section missing", {"data": None}, Refused("data: Input should be a valid dictionary")),
    Case("parameters", "unknown name", {"training.epoch": 3}, Refused("training.epoch: unknown parameter; did you mean training.epochs")),
    Case("parameters", "warm-up as long as training", {"training.epochs": 3, "training.warmup_epochs": 3}, Refused("leaves no epoch at full rate")),
    Case("parameters", "hub and file", {"model.pretrained": True, "model.weights": "w.pth"}, Refused("set pretrained=false or weights=null")),
    Case("parameters", "range turned around", {"augmentation.jpeg_quality": [95, 50]}, Refused("is not an ascending range")),
    Case("parameters", "labels without images", {"data.val_images": None}, Refused("val_labels is set but val_images is null")),
    Case("parameter file", "tag that would run something", b"training: !!python/object/apply:pathlib.Path.touch [crater]\n", Refused("(?s)(constructor|tag|Invalid YAML|python/object)")),
    Case("parameter file", "no YAML", b"training: [1, 2\n", Refused("(?s)parameters.yml")),
    Case("parameter file", "list in its place", b"- 1\n- 2\n", Refused("(?s).")),
    Case("parameter file", "name twice", b"training: {seed: 1, seed: 2}\n", Refused("(?s)(duplicate|seed)")),
    Case("parameter file", "no text", b"\xff\xfe\x00", Refused("(?s).")),
    # Submissions
    Case("submission", "whole", lambda s: s, Accepted(["a", "b", "c"])),
    Case("submission", "other header", lambda s: s.rename(columns={"y_pred": "score"}), Refused(r"header is \['img_name', 'score'\]")),
    Case("submission", "columns turned around", lambda s: s[["y_pred", "img_name"]], Refused(r"header is \['y_pred', 'img_name'\]")),
    Case("submission", "column too many", lambda s: s.assign(extra=1), Refused("header is")),
    Case("submission", "empty", lambda s: s.head(0), Refused("0 rows, the label file has 3")),
    Case("submission", "rows missing", lambda s: s.head(2), Refused(r"2 rows, the label file has 3; 1 name\(s\) .* missing: 'c'")),
    Case("submission", "rows too many", lambda s: pd.concat([s, s.assign(img_name="z").head(1)]), Refused(r"4 rows, .*1 name\(s\) are not in the label file: 'z'")),
    Case("submission", "row twice", scores(img_name=["b", "b", "c"]), Refused(r"1 name\(s\) are repeated: 'b'")),
    Case("submission", "other order", lambda s: s[::-1], Refused("2 rows are not in the order of the label file: row 0 is 'c'")),
    Case("submission", "name with a space", scores(img_name=["a ", "b", "c"]), Refused(r"1 name\(s\) are not in the label file: 'a '")),
    Case("submission", "name missing", scores(img_name=[None, "b", "c"]), Refused(r"missing: 'a'")),
    *(
        Case("submission", f"scores {values}", scores(y_pred=values), Refused(message))
        for values, message in (
            ([0.1, float("nan"), 0.2], r"1 score\(s\) are no finite number: 'b'"),
            ([0.1, float("inf"), 0.2], r"1 score\(s\) are no finite number: 'b'"),
            (["0.1", "high", "1"], r"1 score\(s\) are no finite number: 'b'"),
            (["0,1", "0", "1"], r"1 score\(s\) are no finite number: 'a'"),
            ([True, False, True], r"3 score\(s\) are no finite number"),
            ([1j, 0j, 0j], r"3 score\(s\) are no finite number"),
            ([-1e-9, 0.5, 1 + 1e-9], r"2 score\(s\) leave \[0, 1\]: 'a', 'c'"),
        )
    ),
    # Scores of other detectors
    Case("scores", "other order", lambda t: t[::-1], Accepted(["c", "b", "a"], "image")),
    Case("scores", "column missing", lambda t: t.drop(columns="target"), Refused("other: there is no column target")),
    Case("scores", "empty", lambda t: t.head(0), Refused("other: the table has a header and no row")),
    Case("scores", "rows missing", lambda t: t.head(2), Refused("1 images are not in both")),
    Case("scores", "row twice", lambda t: pd.concat([t, t]), Refused("other: 3 images are there more than once")),
    Case("scores", "name missing", scores(img_name=[None, "b", "c"]), Refused("other: 1 of 3 rows have no img_name")),
    Case("scores", "target missing", scores(target=[0, 1, None]), Refused("1 of 3 rows have no target")),
    Case("scores", "other targets", scores(target=[1, 1, 1]), Refused("1 of 3 targets differ")),
    *(
        Case("scores", f"{name} {values}", scores(**{name: values}), Refused(message))
        for name, values, message in (
            ("target", [0, 1, 2], "other: 1 of 3 targets are not 0 .* such as that of c"),
            ("target", [0, 1, 0.5], "1 of 3 targets are not 0"),
            ("target", ["real", "fake", "fake"], "3 of 3 targets are not 0"),
            ("y_pred", [0.1, float("nan"), 0.5], r"other: 1 of 3 scores are no number in \[0, 1\], such as that of b"),
            ("y_pred", [0.1, float("inf"), 0.5], "1 of 3 scores are no number"),
            ("y_pred", [-0.1, 1.1, 0.5], "2 of 3 scores are no number"),
            ("y_pred", ["low", "high", "0.5"], "2 of 3 scores are no number"),
        )
    ),
    # Images to judge
    Case("image list", "carriage returns alone", b"img_name\ra.jpg\r", Accepted(["a.jpg"])),
    Case("image list", "UTF-16", "img_name\na.jpg\n".encode("utf-16"), Refused("list.csv: not a table in UTF-8")),
    Case("image list", "UTF-16 without a mark", "img_name\na.jpg\n".encode("utf-16-le"), Refused("line 1 holds a NUL byte")),
    Case("image list", "NUL in a name", b"img_name\na\0.jpg\n", Refused("line 2 holds a NUL byte")),
    Case("image list", "column twice", b"img_name,img_name\na,b\n", Refused("names the column 'img_name' twice")),
    Case("image list", "empty", b"", Refused("no column 'img_name'")),
    Case("image list", "header alone", b"img_name\n", Refused("a header and no row")),
    Case("image list", "no header", b"a.jpg\n", Refused(r"no column 'img_name'; the first line reads \['a.jpg'\]")),
    Case("image list", "semicolons", b"img_name;x\na.jpg;1\n", Refused("no column 'img_name'")),
    Case("image list", "quote never closed", b'img_name\n"a.jpg\nb.jpg\n', Refused("not a table in UTF-8: unexpected end of data")),
    Case("image list", "field of 200,000 letters", b"img_name\n" + b"a" * 200_000, Refused("field larger than field limit")),
    Case("image list", "names of spaces", b"img_name,t\na,1\n,1\n \t,0\n", Refused("2 of 3 rows have no img_name .*first: line 3, 4")),
    Case("image list", "name with a comma", b"img_name\na,b.jpg\n", Refused("1 of 1 rows .*first: line 2. A name with a comma goes in double quotes")),
    Case("image list", "Latin-1", b"img_name\ncaf\xe9.jpg\n", Refused("list.csv: not a table in UTF-8")),
    Case("images", "place of 5,000 letters", "a" * 5000, Refused("it cannot be listed: File name too long .inference.images")),
    Case("images", "place with a NUL", "a\0b", Refused("there is no such file or folder")),
    Case("images", "nothing there", "nowhere/*.jpg", Refused("no file below nowhere matches")),
    Case("images", "unknown scheme", "foo://bucket/a.jpg", Refused("Protocol not known: foo")),
    # Landmarks
    Case("landmarks", "empty", b"", Refused("landmarks.csv: No columns to parse .*name a CSV")),
    Case("landmarks", "UTF-16", "img_name,x0\n".encode("utf-16"), Refused("landmarks.csv: .*can't decode")),
    Case("landmarks", "too few points", b"img_name,x0,y0\na.jpg,1,2\n", Refused("the header reads img_name, x0, y0; expected")),
    Case("landmarks", "text for a coordinate", b"img_name,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,q,1,1,1,1,1,1,1,1,1\n", Refused("a coordinate is no number")),
    Case("landmarks", "image twice", b"img_name,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\n" + 2 * b"a.jpg,1,1,1,1,1,1,1,1,1,1\n", Refused("1 of 2 rows name an image again")),
    Case("landmarks", "coordinate missing", b"img_name,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,,1,1,1,1,1,1,1,1,1\n", Refused("1 of 5 landmarks are not finite numbers")),
    Case("landmarks", "points all in one place", b"img_name,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,1,1,1,1,1,1,1,1,1,1\n", Refused("eyes and mouth are 0.0 pixels apart")),
    Case("landmarks", "points outside of the image", b"img_name,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,500,500,560,500,530,530,505,560,555,560\n", Refused("lie outside of the image")),
]
# fmt: on


def _name(case: Case) -> str:
    return f"{case.kind}: {case.name}"


@pytest.mark.parametrize(
    ("entry_point", "case"),
    [(case.kind, case) for case in TABLE],
    indirect=["entry_point"],
    ids=[_name(case) for case in TABLE],
)
def test_it_gets_what_the_table_says(entry_point, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if isinstance(case.gets, Refused):
        with pytest.raises(ERRORS[case.kind], match=case.gets.message):
            entry_point(case.made)
    else:
        answer = entry_point(case.made)
        if isinstance(case.gets, Rejected):
            assert answer[0] == case.gets.status
            assert re.search(case.gets.reason, answer[1]), answer
        elif case.gets.value is not None:
            found = answer[case.gets.column] if isinstance(answer, pd.DataFrame) else answer
            assert list(found) == case.gets.value
    assert not (tmp_path / "crater").exists(), "something was executed"


def test_the_table_names_no_case_twice():
    names = [_name(case) for case in TABLE]
    assert len(set(names)) == len(names) >= 120


def test_the_bomb_of_the_table_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickled(by_torch=False))
    assert (tmp_path / "crater").exists()
