"""The face of each labelled image: found once, cut in every epoch."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.images.crops import Square
from face_forgery.data.images.cut_record import finder_above
from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.images.faces import FaceFinder
from face_forgery.data.images.parallel import map_in_order
from face_forgery.data.labels.manifest import KEY, OK, look_up

FACE_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "left": "Int64",  # pixels of the upright image; the square that is cut, missing unless ok
    "top": "Int64",
    "side": "Int64",
    "angle": "Float64",  # radians, clockwise, around left and top; 0 of an upright square
    "status": "string",  # ok, no_face, too_small or too_blurry
    "detail": "string",  # the reason; empty for ok
}

_NO_SQUARE = (None,) * 4


def find_faces(
    table: pd.DataFrame,
    facts: pd.DataFrame,
    finder: FaceFinder | None,
    *,
    root: Path,
    num_workers: int,
) -> pd.DataFrame:
    """Find the largest face of every image of ``LABEL_COLUMNS`` that ``facts`` say can be read.

    ``FACE_COLUMNS`` has no row without a ``finder``. An image that was cut to its face before
    (`finder_above`) is taken whole.
    """
    if finder is None:
        return pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)
    known = facts.loc[facts["status"] == OK].reindex(columns=[*KEY, "width", "height"])
    usable = table.merge(known, on=KEY, validate="one_to_one")
    sides = usable[["width", "height"]].min(axis=1)
    found = map_in_order(
        partial(_find_one, finder=finder),
        [(root / path, side) for path, side in zip(usable["path"], sides, strict=True)],
        num_workers=min(num_workers, 1),  # the detector keeps state between two calls
        description="finding faces",
    )
    columns = [name for name in FACE_COLUMNS if name not in KEY]
    faces = pd.DataFrame(found, columns=columns, index=usable.index)
    return pd.concat([usable[KEY], faces], axis=1).astype(FACE_COLUMNS)


def mark_faceless(facts: pd.DataFrame, face_table: pd.DataFrame) -> pd.DataFrame:
    """Return ``facts`` with images unusable in which no face can be judged."""
    faceless = face_table[face_table["status"] != OK].set_index(KEY)
    if faceless.empty:
        return facts
    marked = facts.set_index(KEY)
    for column in ("status", "detail"):
        marked.loc[faceless.index, column] = faceless[column]
    return marked.reset_index()[list(facts.columns)]


def squares_of(manifest: pd.DataFrame, face_table: pd.DataFrame) -> NDArray[Any] | None:
    """Return the squares to cut, a row each in the order of ``manifest``, as `Square.of_row` takes.

    ``(N, 3)`` int64 of left, top, side; where some are turned ``(N, 4)`` float64, with the angle.
    ``None`` where images are taken whole.

    Raises:
        ManifestError: If images of the manifest have no face in the table.
    """
    if face_table.empty:
        return None
    remedy = "faces are of another run; run kedro run --pipelines ingestion,splitting"
    squares = look_up(manifest, face_table, "side", what="face to cut", remedy=remedy)
    upright = squares[["left", "top", "side"]].to_numpy(dtype=np.int64)
    angles = squares.get("angle", pd.Series(0.0, index=squares.index)).to_numpy(dtype=np.float64)
    return np.column_stack([upright, angles]) if angles.any() else upright


def _find_one(image: tuple[Path, int], *, finder: FaceFinder) -> tuple[Any, ...]:
    """Return a row for an image, given with its shorter side."""
    path, side = image
    if finder_above(path) is not None:
        return *Square(0, 0, side), OK, ""
    try:
        pixels = read_rgb(path)
        found = finder.find(pixels)
    except ImageError as error:
        return *_NO_SQUARE, error.status, error.detail
    if not found.faces:
        return *_NO_SQUARE, found.status, found.detail
    return *finder.square_of(found.faces[0], pixels.shape), found.status, found.detail
