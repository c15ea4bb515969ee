"""A tar archive of samples, as WebDataset packs sets: ``KEY.jpg`` beside ``KEY.cls``.

The key ends at the first dot after the last slash; members of one key stand together. ``cls`` is a
class, ``json`` an object of columns, ``txt`` a text. Source of the facts:
https://github.com/webdataset/webdataset and https://huggingface.co/docs/hub/datasets-webdataset.
"""

import json
import re
import tarfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from face_forgery.data.labels.manifest import shorten
from face_forgery.data.packed.samples import LABELS, PackedError, Sample, choose_image
from face_forgery.limits import MAX_JSON_BYTES, MAX_PACKED_IMAGE

_IMAGES = {"jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "avif", "ppm", "jp2"}
_TEXTS = {"cls", "json", "txt"}
_MEMBER = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)


class _Member(NamedTuple):
    key: str
    ending: str
    data: bytes  # of images, as far as they are not too large, and of what says something of them
    fault: str


def read_tar_shard(path: Path, image: str | None) -> Iterator[Sample]:
    """Yield a sample a key; ``image`` is the ending of images, None: the only one of an image.

    Raises:
        PackedError: It cannot be read, or a key has several images.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            members = _read_members(archive, image)
            for key, together in groupby(members, key=lambda one: one.key):
                yield _to_sample(f"{path}, {shorten(key)}", key, list(together), image)
    except (tarfile.TarError, OSError, MemoryError, EOFError) as error:
        raise PackedError(
            f"{path}: a tar archive that cannot be read: {shorten(str(error))}; fetch it again, or "
            "unpack it first if it is compressed"
        ) from error


def _read_members(archive: tarfile.TarFile, image: str | None) -> Iterator[_Member]:
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # else it keeps all it has seen
        if member.isdir():
            continue
        named = _MEMBER.fullmatch(member.name)
        key, ending = (named[1], named[2].lower()) if named else (member.name, "")
        fault, data = "", b""
        is_image = ending in _IMAGES if image is None else ending == image
        most = MAX_PACKED_IMAGE if is_image else MAX_JSON_BYTES
        if not member.isreg() or member.issparse():
            fault = "a link, a device or a file with holes"
        elif not named:
            fault = "a name without a key, or without an ending"
        elif is_image or ending in _TEXTS:
            if member.size > most:
                fault = f"{ending} of {member.size:,} bytes, more than {most:,}"
            else:
                data = _read_whole(archive, member)
        yield _Member(key, ending, data, fault)
    _check_end(archive)


def _check_end(archive: tarfile.TarFile) -> None:
    """Refuse an archive that is cut: reading it ends at a damaged header as at the true end."""
    file = archive.fileobj
    assert file is not None
    file.seek(archive.offset)
    last = file.read(tarfile.BLOCKSIZE)
    if not last or last.strip(b"\0"):
        raise tarfile.ReadError("its end is missing, or damage lies before it")


def _read_whole(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    data = b"" if opened is None else opened.read()
    if len(data) < member.size:
        raise tarfile.ReadError("it ends within a member")
    return data


def _to_sample(where: str, key: str, members: list[_Member], wanted: str | None) -> Sample:
    endings = [one.ending for one in members]
    if faults := [one.fault for one in members if one.fault]:
        return Sample(key, fault=faults[0])
    if len(set(endings)) < len(endings):
        return Sample(key, fault="the key stands there twice")
    found = [e for e in endings if (e in _IMAGES if wanted is None else e == wanted)]
    if not found:
        return Sample(key, fault=f"no image beside {', '.join(map(shorten, endings[:5]))}")
    ending = choose_image(where, found, endings, None)
    data = {one.ending: one.data for one in members}
    columns, fault = _read_columns(data)
    if not data[ending]:
        fault = "an empty image"
    return Sample(f"{key}.{ending}", data[ending], columns, fault)


def _read_columns(data: dict[str, bytes]) -> tuple[dict[str, str], str]:
    """Return what stands beside an image as columns, and what is wrong with it."""
    columns: dict[str, str] = {}
    try:
        if "json" in data:
            values = json.loads(data["json"])
            if not isinstance(values, dict):
                return {}, "its json is no object"
            columns = {
                str(k): str(v) for k, v in values.items() if isinstance(v, str | int | float)
            }
        texts = {name: data[name].decode().strip() for name in ("cls", "txt") if name in data}
    except (ValueError, RecursionError):
        return {}, "its json, cls or txt is damaged"
    if "cls" in texts and not any(name in columns for name in LABELS):
        columns["label"] = texts.pop("cls")
    return texts | columns, ""
