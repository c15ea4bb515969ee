"""What an image file says of its own origin: camera, software, source type, C2PA manifest.

Anybody can write these, and most sites remove them: none of it proves anything, and its absence
says nothing. A C2PA signature is checked where c2pa-python is installed; who signed is not.
"""

import io
import json
import re
import struct
from itertools import islice
from typing import Any

from face_forgery.data.images.decoding import open_image
from face_forgery.limits import MAX_CLAIM, MAX_SIGNED_BYTES

_EXIF = b"Exif\0\0"
_MAX_SEGMENT = 2**16  # of a JPEG, which begins with those of metadata
_MAKE, _MODEL, _SOFTWARE = 0x010F, 0x0110, 0x0131
_TEXT_TYPES = (2, 129)  # ASCII; UTF-8 of Exif 3
_MAX_ENTRIES = 200  # of EXIF's first directory, and URLs of XMP: a dozen at most are usual
_SOURCE_TYPE = re.compile(rb"newscodes/digitalsourcetype/([A-Za-z]{1,60})")
_REACH = 200  # bytes before it, in which the name of the property stands
_CREATOR = re.compile(rb"CreatorTool(?:>|=[\"'])([^\"'<]{1,200})")
# The name of the box that holds a manifest, in every format: ISO 19566-5, C2PA 2.
_C2PA_BOX = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_SIGNATURE = {
    "Trusted": "its signature is valid and from a trusted signer",
    "Valid": "its signature is valid, but nobody has checked who the signer is",
    "Invalid": "its signature does NOT fit this file",
}


def read_evidence(data: bytes) -> dict[str, str]:
    """Return what an encoded image, whole or damaged, says of its origin; only what is there.

    ``camera`` and ``software`` (EXIF; of PNG also its text, else XMP), ``source_type`` (IPTC
    DigitalSourceType in XMP: ``digitalCapture``, ``trainedAlgorithmicMedia``, ...) and ``c2pa``:
    printable text of at most a few hundred characters each.

    Example:
        >>> read_evidence(b"no image")
        {}
    """
    tags, text = _read_exif(data)
    creator = _CREATOR.search(data)
    make, model = (_clean(tags.get(tag, "")) for tag in (_MAKE, _MODEL))
    has_make = model.lower().startswith(make.lower())  # many write the maker into both
    found = {
        "camera": model if has_make else f"{make} {model}".strip(),
        "software": _clean(tags.get(_SOFTWARE) or text or (creator[1] if creator else b"")),
        "source_type": _read_source_type(data),
        "c2pa": _read_c2pa(data) if _C2PA_BOX in data else "",
    }
    return {name: value for name, value in found.items() if value}


def _read_source_type(data: bytes) -> str:
    for found in islice(_SOURCE_TYPE.finditer(data), _MAX_ENTRIES):
        if b"DigitalSourceType" in data[max(0, found.start() - _REACH) : found.start()]:
            return found[1].decode()
    return ""


def _read_exif(data: bytes) -> tuple[dict[int, bytes], str]:
    """Return some tags of EXIF, and the software that a PNG names in its text."""
    if data.startswith(b"\xff\xd8"):  # opening a JPEG would already read every tag
        start = data.find(_EXIF, 0, _MAX_SEGMENT)
        return (_read_tags(data[start : start + _MAX_SEGMENT]) if start > 0 else {}), ""
    try:
        with open_image(io.BytesIO(data)) as image:
            exif = data if image.format == "TIFF" else image.info.get("exif", b"")
            return _read_tags(exif), str(image.info.get("Software", ""))
    except Exception:  # damaged files make decoders raise nearly any type; decoding says which
        return {}, ""


def _read_tags(exif: bytes) -> dict[int, bytes]:
    """Return the texts of three tags of the first directory.

    Pillow would read every tag, and they may overlap: 64 KB then take hundreds of megabytes.
    """
    exif = exif.removeprefix(_EXIF)
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    tags: dict[int, bytes] = {}
    if order is None:
        return tags
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * min(count, _MAX_ENTRIES), 12):
            tag, kind, length = struct.unpack_from(f"{order}HHI", exif, entry)
            if tag in (_MAKE, _MODEL, _SOFTWARE) and kind in _TEXT_TYPES:
                is_inside = length <= 4  # the entry itself has room for so much
                at = entry + 8 if is_inside else struct.unpack_from(f"{order}I", exif, entry + 8)[0]
                tags[tag] = exif[at : at + min(length, 4 * MAX_CLAIM)].partition(b"\0")[0]
    except struct.error:  # it breaks off
        pass
    return tags


def _read_c2pa(data: bytes) -> str:
    """Say what the C2PA manifest claims, and whether its signature fits the file."""
    if len(data) > MAX_SIGNED_BYTES:
        return f"a manifest, not read: the file has more than {MAX_SIGNED_BYTES:,} bytes"
    try:
        import c2pa
    except ImportError:
        return "a manifest, not read: pip install c2pa-python"
    # Nothing is fetched: a file must not choose whom this machine talks to.
    offline = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    try:
        with (
            c2pa.Context.from_dict(offline) as context,
            c2pa.Reader(None, io.BytesIO(data), context=context) as reader,
        ):
            return _describe(json.loads(reader.json()))
    except Exception as error:  # whatever a damaged manifest makes of it
        return f"a manifest that cannot be read: {_clean(str(error))}"


def _describe(store: Any) -> str:
    manifest = store["manifests"][store["active_manifest"]]
    (maker, *_) = manifest.get("claim_generator_info") or [{}]
    name = maker.get("name") or manifest.get("claim_generator")
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", ())
    ]
    source_types = {str(one.get("digitalSourceType", "")).rpartition("/")[2] for one in actions}
    parts = [
        f"made by {_clean(str(name))}" if name else "",
        *(f"source type {_clean(one)}" for one in sorted(source_types - {""})[:3]),
        f"signed as {_clean(str(manifest.get('signature_info', {}).get('issuer') or 'nobody'))}",
        _SIGNATURE.get(str(store.get("validation_state")), "its signature could not be checked"),
    ]
    return "; ".join(part for part in parts if part)


def _clean(text: str | bytes) -> str:
    """Return a line that is safe to show: strangers wrote it."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    text = " ".join(text.split())
    return text if len(text) <= MAX_CLAIM else f"{text[: MAX_CLAIM - 3]}..."
