"""The landmarks of a manifest's images: read from a file, or found by a face detector."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.images.faces import FaceFinder
from face_forgery.data.images.parallel import map_in_order
from face_forgery.data.labels.manifest import KEY, OK, REAL, show_examples
from face_forgery.forgery.making.landmarks import SCHEMES, LandmarksError, Points, complete

LANDMARK_COLUMNS = {
    "subset": "string",
    "row": "int64",
    "points": "object",  # x0, y0, x1, y1, ... of 5 or 68 points in pixels; missing unless ok
    "status": "string",  # ok, no_landmarks, no_face or bad_landmarks
    "detail": "string",  # the reason; empty for ok
}
_NAME = "img_name"

_Row = tuple[list[float] | None, str, str]

logger = logging.getLogger(__name__)


def find_landmarks(
    manifest: pd.DataFrame,
    landmark_file: pd.DataFrame | None,
    finder: FaceFinder | None,
    *,
    root: Path,
    num_workers: int,
) -> pd.DataFrame:
    """Return ``LANDMARK_COLUMNS``, a row for each real image of ``MANIFEST_COLUMNS``.

    ``landmark_file`` has ``img_name,x0,y0,x1,y1,...`` with 5 or 68 points in pixels of the upright
    image; ``img_name`` is a path relative to ``root``, or as the label file spells it. Without the
    file ``finder`` looks for the largest face. A log line says how many have no landmarks.

    Raises:
        LandmarksError: If there is neither file nor finder, the file is of another form, or no
            real image has usable landmarks.
    """
    manifest = manifest[(manifest["target"] == REAL).fillna(False)].reset_index(drop=True)
    if landmark_file is not None:
        found = _look_up(manifest, landmark_file)
    elif finder is not None:
        paths = [root / path for path in manifest["path"]]
        found = list(
            map_in_order(
                partial(_find_one, finder=finder),
                paths,
                num_workers=min(num_workers, 1),  # the detector keeps state between two calls
                description="finding landmarks",
            )
        )
    else:
        raise LandmarksError(
            "there are no landmarks to forge by: name a CSV (forging.landmarks) or a face detector "
            "(faces.detector)"
        )
    columns = [name for name in LANDMARK_COLUMNS if name not in KEY]
    table = pd.DataFrame(found, columns=columns, index=manifest.index)
    whole = pd.concat([manifest[KEY], table], axis=1).astype(LANDMARK_COLUMNS)
    _check_any(whole, manifest)
    if left_out := int((whole["status"] != OK).sum()):
        logger.warning(
            "%s of %s real images have no usable landmarks and are left out: %s",
            f"{left_out:,}",
            f"{len(whole):,}",
            whole["status"].value_counts().drop(OK).to_dict(),
        )
    return whole


def empty_table() -> pd.DataFrame:
    """Return ``LANDMARK_COLUMNS`` without a row."""
    return pd.DataFrame(columns=list(LANDMARK_COLUMNS)).astype(LANDMARK_COLUMNS)


def points_of(values: list[float]) -> Points:
    """Return a value of the column ``points`` as ``(N, 2)``."""
    return np.asarray(values, dtype=np.float64).reshape(-1, 2)


def coordinate_columns(landmark_file: pd.DataFrame) -> list[str]:
    """Return the names of the columns ``x0, y0, x1, y1, ...`` of 68 points or else of five.

    Raises:
        LandmarksError: If the table has neither, or no column ``img_name``.
    """
    wanted = {n: [f"{axis}{i}" for i in range(n) for axis in "xy"] for n in sorted(SCHEMES)[::-1]}
    has_name = _NAME in landmark_file.columns
    for columns in wanted.values():
        if has_name and set(columns) <= set(landmark_file.columns):
            return columns
    raise LandmarksError(
        f"forging.landmarks: the header reads {show_examples(landmark_file.columns)}; expected "
        "img_name,x0,y0,... up to x67,y67 (68 points) or x4,y4 (eyes, nose, corners of the mouth)"
    )


def _look_up(manifest: pd.DataFrame, landmark_file: pd.DataFrame) -> list[_Row]:
    columns = coordinate_columns(landmark_file)
    names = landmark_file[_NAME].astype(str)
    if names.duplicated().any():
        raise LandmarksError(
            f"forging.landmarks: {names.duplicated().sum():,} of {len(names):,} rows name an "
            f"image again: {show_examples(names[names.duplicated()])}; keep one row an image"
        )
    try:
        values = landmark_file[columns].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise LandmarksError(f"forging.landmarks: a coordinate is no number: {error}") from error
    indices = dict(zip(names, range(len(names)), strict=True))
    rows: list[_Row] = []
    for path, name, *shape in zip(
        manifest["path"], manifest[_NAME], manifest["height"], manifest["width"], strict=True
    ):
        index = indices.get(path, indices.get(name))
        if index is None:
            rows.append((None, "no_landmarks", "the file of landmarks does not name it"))
        else:
            rows.append(_judge(values[index], (int(shape[0]), int(shape[1]))))
    return rows


def _judge(values: np.ndarray[tuple[int], np.dtype[np.float64]], shape: tuple[int, int]) -> _Row:
    try:
        complete(points_of(values.tolist()), shape)
    except LandmarksError as error:
        return None, "bad_landmarks", str(error)
    return values.tolist(), OK, ""


def _find_one(path: Path, *, finder: FaceFinder) -> _Row:
    try:
        pixels = read_rgb(path)
    except ImageError as error:
        return None, error.status, error.detail
    found = finder.find(pixels)
    if not found.faces:
        return None, found.status, found.detail
    return _judge(np.array(found.faces[0].landmarks).ravel(), pixels.shape[:2])


def _check_any(table: pd.DataFrame, manifest: pd.DataFrame) -> None:
    usable = table["status"] == OK
    if usable.any():
        return
    reasons = table["status"].value_counts().to_dict()
    first = table["detail"].iloc[0] if len(table) else ""
    raise LandmarksError(
        f"none of {len(table):,} images has usable landmarks ({reasons}); the first is "
        f"{manifest['path'].iloc[0] if len(table) else 'missing'}: {first}"
    )
