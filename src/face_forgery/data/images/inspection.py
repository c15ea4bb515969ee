"""What each image file is: size, format, content hash, or why it cannot be used."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from posixpath import basename, splitext
from typing import Literal, NamedTuple

import pandas as pd

from face_forgery.data.images.decoding import (
    ImageError,
    check_regular,
    read_header,
    read_reduced,
)
from face_forgery.data.images.parallel import map_in_order
from face_forgery.data.labels.locations import find_image_folder
from face_forgery.data.labels.manifest import FACT_COLUMNS, KEY, OK, ManifestError, show_rows

logger = logging.getLogger(__name__)

STATUS_COLUMNS = {
    "status": "string",  # ok, missing, unreadable or too_large
    "detail": "string",  # the reason; empty for ok
}
Check = Literal["pixels", "headers"]
STAMP_COLUMNS = {
    "checked": "string",  # pixels or headers: how far the file was looked at
    "path": "string",  # relative to the data root
    "changed_ns": "Int64",  # when content or metadata last changed; missing: do not go by it
}
IMAGE_FACT_COLUMNS = (
    {"subset": "string", "row": "int64", "img_name": "string"}
    | FACT_COLUMNS
    | STATUS_COLUMNS
    | STAMP_COLUMNS
)
REJECTED_COLUMNS = {name: IMAGE_FACT_COLUMNS[name] for name in (*KEY, "img_name", *STATUS_COLUMNS)}

# A file that changed so shortly before it was read may change again within the same tick of its
# file system's clock, which is up to two seconds long.
_UNSETTLED_NS = 2_000_000_000
_READ = [*FACT_COLUMNS, *STATUS_COLUMNS]
_real_folder = lru_cache(maxsize=4096)(os.path.realpath)
_MAX_HEADER_BYTES = 2**28  # a larger file is not held in memory: it is decoded, which streams it


# What makes two names alike, the likeliest first; and what to say about the difference.
_ALIKE: dict[Callable[[str], str], str] = {
    str.lower: "is the case of the letters another one?",
    lambda name: splitext(name.lower())[0]: "do the names lack their ending, or have another one?",
    lambda name: basename(name.lower()): "do the names have a folder too many or too few?",
    lambda name: splitext(basename(name.lower()))[0]: "are folder and ending others?",
    lambda name: basename(name).partition(".")[0].lstrip("0"): (
        "have leading zeros or the ending got lost?"
    ),
}


class ImageFacts(NamedTuple):
    """One image file; sizes and hash are missing unless ``status`` is ``ok``."""

    width: int | None = None
    height: int | None = None
    format: str | None = None
    num_bytes: int | None = None
    jpeg_quality: int | None = None
    sha256: str | None = None
    status: str = OK
    detail: str = ""


class _Stamp(NamedTuple):
    """What a file system says of a file without opening it."""

    is_outside: bool = False
    num_bytes: int | None = None
    changed_ns: int | None = None


def inspect_table(
    table: pd.DataFrame,
    *,
    root: Path,
    image_folders: Mapping[str, str],
    num_workers: int,
    check: Check = "pixels",
    known: pd.DataFrame | None = None,
    links_into: str | None = None,
) -> pd.DataFrame:
    """Read every image of a label table once and say what it is.

    Each file is hashed and decoded at the smallest scale its format offers, so that a damaged image
    is found now and not in the first epoch; with ``headers`` no JPEG or PNG that has its header and
    its end, ten times faster. One that was usable in an earlier run, ``known``, and has not changed
    since is not opened again. No image may lie outside of the folder of its subset, relative to
    ``root``, not even through a link, unless it leads into the folder ``links_into``.

    Returns:
        The columns of ``IMAGE_FACT_COLUMNS``, a row for each row of ``table`` in its order.

    Raises:
        ManifestError: If an image folder does not exist, or links lead out of it.
    """
    homes = {s: find_image_folder(root, s, image_folders[s]) for s in table["subset"].unique()}
    stamps = _stamp_table(table, root, homes, links_into, num_workers)
    reused = _reuse(stamps, known, check)
    is_new = reused["status"].isna()
    if not is_new.all():
        logger.info(
            "%s of %s images have not changed since they were inspected",
            f"{int((~is_new).sum()):,}",
            f"{len(table):,}",
        )
    inspected: Iterator[ImageFacts] = map_in_order(
        partial(inspect_image, check=check),
        [root / path for path in stamps.loc[is_new, "path"]],
        num_workers=num_workers,
        description="inspecting images",
    )
    read = pd.DataFrame(inspected, columns=_READ, index=stamps.index[is_new])
    missing = read.index[read["status"] == "missing"]
    read.loc[missing, "detail"] = _name_near_files(table.iloc[missing], homes)
    parts = (
        part.astype(FACT_COLUMNS | STATUS_COLUMNS) for part in (reused.loc[~is_new, _READ], read)
    )
    facts = pd.concat(parts).sort_index()
    keys = table[[*KEY, "img_name"]].reset_index(drop=True)
    stamps = stamps.assign(checked=reused["checked"].fillna(check))
    found = pd.concat([keys, facts, stamps[list(STAMP_COLUMNS)]], axis=1)
    return found.astype(IMAGE_FACT_COLUMNS)


def _name_near_files(rows: pd.DataFrame, homes: Mapping[str, str]) -> list[str]:
    """Say of rows without a file where it was looked for, and which file has nearly its name."""
    keyed: dict[str, list[dict[str, str]]] = {}
    said = []
    for subset, name in zip(rows["subset"], rows["img_name"], strict=True):
        home = Path(homes[subset])
        if subset not in keyed:
            # Of names that are alike the first one is told.
            files = [
                (Path(path) / file).relative_to(home).as_posix()
                for path, _, files in os.walk(home)
                for file in sorted(files, reverse=True)
            ]
            keyed[subset] = [{key(file): file for file in files} for key in _ALIKE]
        if (home / name).is_symlink():
            link = (home / name).readlink()
            said.append(f"no such file: a link to {link}, and nothing is there")
            continue
        alike = zip(_ALIKE.items(), keyed[subset], strict=True)
        near = (f"; {at[key(name)]} is there: {why}" for (key, why), at in alike if key(name) in at)
        said.append(f"no such file in {home}{next(near, '')}")
    return said


def _stamp_table(
    table: pd.DataFrame,
    root: Path,
    homes: Mapping[str, str],
    links_into: str | None,
    num_workers: int,
) -> pd.DataFrame:
    """Return ``path``, ``num_bytes`` and ``changed_ns`` of each row; links may not lead out."""
    also = () if links_into is None else (os.path.realpath(links_into),)
    allowed = {subset: (home, *also) for subset, home in homes.items()}
    items = list(zip(table["path"], table["subset"].map(allowed), strict=True))
    _real_folder.cache_clear()
    found: Iterator[_Stamp] = map_in_order(
        lambda item: _stamp(root / item[0], item[1]),
        items,
        num_workers=num_workers,
        description="looking up images",
    )
    # As objects: beside a missing number, whole nanoseconds would be rounded to floats.
    stamps = pd.DataFrame(found, columns=list(_Stamp._fields), dtype=object)
    outside = table[stamps["is_outside"].to_numpy(dtype=bool)]
    if len(outside):
        first = os.path.realpath(root / outside["path"].iloc[0])
        raise ManifestError(
            f"{len(outside):,} of {len(table):,} images are links that lead out of their image "
            f"folder: {show_rows(outside)}; the first leads into {os.path.dirname(first)}. Copy "  # noqa: PTH120
            "the files in place of the links, or name a folder that links may lead into: "
            "ingestion.links_into"
        )
    stamps = stamps.astype({"num_bytes": "Int64", "changed_ns": "Int64"})
    stamps.insert(0, "path", table["path"].array)
    return stamps.drop(columns="is_outside")


def _reuse(stamps: pd.DataFrame, known: pd.DataFrame | None, check: Check) -> pd.DataFrame:
    """Return what is known of each file; all missing where it has to be read."""
    columns = [*_READ, "checked"]
    if known is None or list(known.columns) != list(IMAGE_FACT_COLUMNS):
        return pd.DataFrame(index=stamps.index, columns=columns)
    usable = known[(known["status"] == OK) & known["changed_ns"].notna()]
    if check == "pixels":
        usable = usable[usable["checked"] == "pixels"]
    names = ["path", "num_bytes", "changed_ns"]
    return stamps[names].merge(usable.drop_duplicates(names), on=names, how="left")[columns]


def inspect_image(path: Path, *, check: Check = "pixels") -> ImageFacts:
    """Return the facts of one file; an unusable one has a status and a reason."""
    facts = _inspect_header(path) if check == "headers" else None
    return _inspect_pixels(path) if facts is None else facts


def _inspect_header(path: Path) -> ImageFacts | None:
    try:
        check_regular(path)
        if path.stat().st_size > _MAX_HEADER_BYTES:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):  # decoding it will say what is wrong
        return None
    header = read_header(data)
    if header is None:
        return None
    return ImageFacts(
        **header._asdict(), num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )


def _inspect_pixels(path: Path) -> ImageFacts:
    try:
        header = read_reduced(path, side=1).header
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            num_bytes = file.tell()
    except ImageError as error:
        return ImageFacts(status=error.status, detail=error.detail)
    except OSError as error:  # it has gone since it was decoded
        reason = f"the file cannot be read: {error.strerror or error}"
        return ImageFacts(status="unreadable", detail=reason)
    return ImageFacts(**header._asdict(), num_bytes=num_bytes, sha256=digest)


def list_unusable(facts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``IMAGE_FACT_COLUMNS`` that cannot be used, as ``REJECTED_COLUMNS``."""
    rejected = facts.loc[facts["status"] != OK, list(REJECTED_COLUMNS)]
    return rejected.reset_index(drop=True)


def _stamp(path: Path, homes: tuple[str, ...]) -> _Stamp:
    if not _lies_in(path, homes):
        return _Stamp(is_outside=True)
    now = time.time_ns()
    try:
        facts = path.stat()
    except (OSError, ValueError):  # reading it will say why
        return _Stamp()
    changed = max(facts.st_mtime_ns, facts.st_ctime_ns)
    is_settled = changed < now - _UNSETTLED_NS
    return _Stamp(False, facts.st_size, changed if is_settled else None)


def _lies_in(path: Path, homes: tuple[str, ...]) -> bool:
    folder = _real_folder(str(path.parent))
    # Path.is_symlink raises where a name is too long.
    is_link = os.path.islink(path)  # noqa: PTH114
    real = os.path.realpath(path) if is_link else f"{folder}{os.sep}{path.name}"
    return any(real.startswith(home.rstrip(os.sep) + os.sep) for home in homes)
