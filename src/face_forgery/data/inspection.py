"""What each image file is: size, format, content hash, or why it cannot be used."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from face_forgery.data.images import ImageError, read_reduced
from face_forgery.data.manifest import FACT_COLUMNS, KEY, ManifestError, show_rows
from face_forgery.data.parallel import map_in_order

OK = "ok"
STATUS_COLUMNS = {
    "status": "string",  # ok, missing, unreadable or too_large
    "detail": "string",  # the reason; empty for ok
}
IMAGE_FACT_COLUMNS = (
    {"subset": "string", "row": "int64", "img_name": "string"} | FACT_COLUMNS | STATUS_COLUMNS
)
REJECTED_COLUMNS = {name: IMAGE_FACT_COLUMNS[name] for name in (*KEY, "img_name", *STATUS_COLUMNS)}

_OUTSIDE = "outside"  # never stored: such a row is an error


class ImageFacts(NamedTuple):
    """One image file; sizes and hash are missing unless ``status`` is ``ok``."""

    width: int | None
    height: int | None
    format: str | None
    num_bytes: int | None
    jpeg_quality: int | None
    sha256: str | None
    status: str
    detail: str


def inspect_table(
    table: pd.DataFrame, *, root: Path, image_folders: Mapping[str, str], num_workers: int
) -> pd.DataFrame:
    """Read every image of a label table once and say what it is.

    Each file is hashed and decoded at the smallest scale its format offers, so that an image that
    breaks off in the middle is found now and not in the first epoch.

    Args:
        table: The columns of ``LABEL_COLUMNS``.
        root: What ``path`` is relative to.
        image_folders: Subset -> its image folder, relative to ``root``. No image may lie outside,
            not even through a link.
        num_workers: Threads.

    Returns:
        The columns of ``IMAGE_FACT_COLUMNS``, a row for each row of ``table`` in its order.

    Raises:
        ManifestError: If an image folder does not exist, or links lead out of it.
    """
    homes = {s: _home(root, s, image_folders[s]) for s in table["subset"].unique()}
    items = list(zip(table["path"], table["subset"].map(homes), strict=True))
    _real_folder.cache_clear()
    inspected: Iterator[ImageFacts] = map_in_order(
        lambda item: _inspect(root / item[0], item[1]),
        items,
        num_workers=num_workers,
        description="inspecting images",
    )
    facts = pd.DataFrame(inspected, columns=list(FACT_COLUMNS | STATUS_COLUMNS))
    found = pd.concat([table[[*KEY, "img_name"]].reset_index(drop=True), facts], axis=1)
    outside = found[found["status"] == _OUTSIDE]
    if len(outside):
        raise ManifestError(
            f"{len(outside):,} of {len(found):,} images are links that lead out of their image "
            f"folder: {show_rows(outside)}; copy the files in place of the links"
        )
    return found.astype(IMAGE_FACT_COLUMNS)


def inspect_image(path: Path) -> ImageFacts:
    """Return the facts of one file; an unusable one has a status and a reason."""
    try:
        image = read_reduced(path, side=1)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            num_bytes = file.tell()
    except ImageError as error:
        return _unusable(error.status, error.detail)
    return ImageFacts(
        image.width, image.height, image.format, num_bytes, image.jpeg_quality, digest, OK, ""
    )


def list_unusable(facts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``IMAGE_FACT_COLUMNS`` that cannot be used, as ``REJECTED_COLUMNS``."""
    rejected = facts.loc[facts["status"] != OK, list(REJECTED_COLUMNS)]
    return rejected.reset_index(drop=True)


def _home(root: Path, subset: str, folder: str) -> str:
    home = root / folder
    if not home.is_dir():
        raise ManifestError(
            f"the image folder {home} does not exist (data.root={root}, "
            f"data.{subset}_images={folder}; relative to {Path.cwd()})"
        )
    return os.path.realpath(home)


def _inspect(path: Path, home: str) -> ImageFacts:
    if not _lies_in(path, home):
        return _unusable(_OUTSIDE, "")
    return inspect_image(path)


def _unusable(status: str, detail: str) -> ImageFacts:
    return ImageFacts(None, None, None, None, None, None, status, detail)


def _lies_in(path: Path, home: str) -> bool:
    folder = _real_folder(str(path.parent))
    real = os.path.realpath(path) if path.is_symlink() else f"{folder}{os.sep}{path.name}"
    return real.startswith(home.rstrip(os.sep) + os.sep)


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
