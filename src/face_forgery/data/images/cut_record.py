"""Images that sampling has cut to faces: found by the record that it leaves above them.

What is trained on such images has to cut photographs in the same way, and must not cut these again.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.faces import FaceFinder
from face_forgery.data.labels.layouts.sampled import RECORD
from face_forgery.data.labels.manifest import ManifestError, shorten
from face_forgery.limits import MAX_FACE_MODEL
from face_forgery.params import FacesParams


def finder_above(path: Path) -> FaceFinder | None:
    """Return what the image at ``path`` was cut with; ``None`` if no record above it says so.

    Raises:
        ManifestError: If a record cannot be read.
    """
    return _find(path.absolute().parent)


def settle_finder(paths: Iterable[Path], given: FaceFinder | None) -> FaceFinder | None:
    """Return what cuts, or has cut, the images at ``paths`` to their faces; ``None``: nothing.

    ``given`` cuts those that are whole photographs.

    Raises:
        InputError: If images are cut in several ways.
    """
    folders = dict.fromkeys(path.absolute().parent for path in paths)
    for folder in folders:
        if (found := _find(folder)) is not None:
            if given is not None:
                check_same_cut(found.params, given.params, folder)
            given = given or found
    return given


def check_same_cut(cut: FacesParams, wanted: FacesParams, where: Path) -> None:
    """Refuse images that were cut in another way than others are.

    Raises:
        InputError: With both ways.
    """
    ways = [f"faces.crop={one.crop},faces.margin={one.margin:g}" for one in (cut, wanted)]
    if ways[0] != ways[1]:
        raise InputError(
            f"{shorten(str(where))}: its images were cut to faces by sampling, with {ways[0]}, and "
            f"others are with {ways[1]}; sample the videos again with sampling.crop={wanted.crop},"
            f"sampling.scale={1 + 2 * wanted.margin:g}, or train with the former"
        )


@lru_cache(maxsize=2**16)
def _find(folder: Path) -> FaceFinder | None:
    file = folder / RECORD
    if file.is_file():
        return _read(file)
    return None if folder.parent == folder else _find(folder.parent)


def _read(file: Path) -> FaceFinder | None:
    try:
        if file.stat().st_size > 2 * MAX_FACE_MODEL:
            raise ValueError("it is too large")
        return FaceFinder.from_values(json.loads(file.read_text("utf-8"))["finder"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManifestError(
            f"{file}: no record of a sampled set that can be read: {shorten(str(error))}; sample "
            "the videos again (pipeline sampling)"
        ) from error
