"""What a file is by its first bytes, for messages about files of another kind than expected."""

from typing import NamedTuple

HEAD_BYTES = 512


class FileKind(NamedTuple):
    """What to call a file, and what to do where it is no table of text or no folder."""

    name: str
    remedy: str
    is_image: bool = False


_TABLE = "save it as CSV"
_ARCHIVE = "unpack it, and name what is in it"
_OTHER = "name a label file in CSV"
# First bytes -> the kind; the first that fits counts.
_STARTS: dict[bytes, FileKind] = {
    b"PAR1": FileKind("a Parquet table", _TABLE),
    b"\xd0\xcf\x11\xe0": FileKind("an Excel workbook", _TABLE),
    b"PK\x03\x04": FileKind("a ZIP archive", _ARCHIVE),
    b"\x89HDF": FileKind("an HDF5 file", _TABLE),
    b"ARROW1": FileKind("an Arrow table", _TABLE),
    b"SQLite format 3": FileKind("an SQLite database", _TABLE),
    b"\x93NUMPY": FileKind("a NumPy array", _TABLE),
    b"MATLAB 5.0": FileKind("a MATLAB file", _TABLE),
    **dict.fromkeys(
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        FileKind("a pickle, which is never opened", _TABLE),
    ),
    b"\x1f\x8b": FileKind("a gzip archive", _ARCHIVE),
    b"BZh": FileKind("a bzip2 archive", _ARCHIVE),
    b"\xfd7zXZ": FileKind("an xz archive", _ARCHIVE),
    b"\x28\xb5\x2f\xfd": FileKind("a zstd archive", _ARCHIVE),
    b"7z\xbc\xaf": FileKind("a 7z archive", _ARCHIVE),
    b"Rar!": FileKind("a RAR archive", _ARCHIVE),
    b"%PDF": FileKind("a PDF document", _OTHER),
    b"\xff\xd8\xff": FileKind("a JPEG image", _OTHER, is_image=True),
    b"\x89PNG": FileKind("a PNG image", _OTHER, is_image=True),
    b"version https://git-lfs": FileKind("a pointer of Git LFS", "fetch the file: git lfs pull"),
}
_MARKUP = FileKind("a web page or XML", "is it the page of a download that asks to sign in?")


def kind_of(head: bytes) -> FileKind | None:
    """Return what a file is by its first ``HEAD_BYTES``, if it is known and no text with commas.

    Example:
        >>> kind_of(b'{"a.jpg": {"label": "FAKE"}}').name
        'JSON'
        >>> kind_of(b"img_name,target")
    """
    if head.startswith(b"PK\x03\x04") and (b"[Content_Types].xml" in head or b"xl/" in head):
        return FileKind("an Excel workbook", _TABLE)
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    if head[257:262] == b"ustar":
        return FileKind("a tar archive", _ARCHIVE)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"{" or text[:2] in (b"[{", b"[[") or (text[:1] == b"[" and b"\n" in text[:3]):
        return FileKind("JSON", "save it as CSV with the header img_name,target")
    return _MARKUP if text[:1] == b"<" else None
