"""A labelled set of real images and forgeries made from them.

Each real image with landmarks is there twice, as it is and forged. Both are reduced by the same
factor, which breaks the grid of the JPEG that the original was in both, and encoded at the same
quality. A face swap shows two people. So that neither can come to lie on two
sides of a split, groups are dealt into circles: faces are exchanged within a circle only, and the
circle is the group in the labels of the set.
"""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from face_forgery.data.images.decoding import read_rgb
from face_forgery.data.labels.manifest import (
    FAKE,
    KEY,
    MANIFEST_COLUMNS,
    OK,
    REAL,
    SUBSETS,
    ManifestError,
)
from face_forgery.forgery.made_images import MadeImage, make_in_order
from face_forgery.forgery.making.forger import Forger, Partners, image_rng
from face_forgery.forgery.making.landmark_table import points_of
from face_forgery.forgery.making.landmarks import complete
from face_forgery.forgery.making.warping import Pixels
from face_forgery.forgery.rendering.camera import encode_jpeg

_ROWS_PER_BATCH = 32
_CIRCLE = 16  # groups that exchange faces and become one group of the set
# Drawn for an image and its forgery together, so that neither tells them apart.
_COMMON_SCALE = (0.8, 1.0)  # factor of both sides
_JPEG_QUALITY = (70, 95)

# The real images of a circle with ``points`` and ``circle``, and the first row that is written.
_Batch = tuple[pd.DataFrame, int]


def forge_set(
    manifest: pd.DataFrame,
    landmark_table: pd.DataFrame,
    *,
    root: Path,
    forger: Forger,
    seed: int,
    num_workers: int,
) -> Iterator[list[MadeImage]]:
    """Forge each image of ``MANIFEST_COLUMNS`` that is real and has landmarks, once.

    ``landmark_table`` has ``LANDMARK_COLUMNS``, paths are relative to ``root``. Images come a batch
    at a time, memory stays flat; the number of processes, 0: this one, does not change them.

    Raises:
        ManifestError: If no real image has landmarks.
    """
    reals = _select(manifest, landmark_table)
    if reals.empty:
        raise ManifestError(
            f"none of the {len(manifest):,} images is real and has landmarks; forgeries are made "
            "from real images (target 0)"
        )
    reals["circle"] = deal_circles(reals, _CIRCLE, seed)
    batches = [
        (part, start)
        for _, part in reals.groupby(["subset", "circle"], sort=True)
        for start in range(0, len(part), _ROWS_PER_BATCH)
    ]
    make = partial(_make_batch, root=root, forger=forger, seed=seed)
    return make_in_order(make, batches, num_workers=num_workers)


def count_forgeable(manifest: pd.DataFrame, landmark_table: pd.DataFrame) -> int:
    """Return how many real images have landmarks."""
    return len(_select(manifest, landmark_table))


def deal_circles(reals: pd.DataFrame, circle: int, seed: int) -> pd.Series:
    """Return the name of each row's circle: groups of one subset and source, by chance.

    ``reals`` has columns ``subset``, ``source`` and ``group``; the last circle of a source takes
    the groups that are left over.
    """
    groups = reals[["subset", "source", "group"]].drop_duplicates("group").copy()
    groups["order"] = [
        hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).hexdigest()
        for name in groups["group"]
    ]
    names = {}
    for (subset, source), part in groups.sort_values("order").groupby(["subset", "source"]):
        last = max(len(part) // circle - 1, 0)
        for index, group in enumerate(part["group"]):
            names[group] = f"{subset}_{source}_{min(index // circle, last):06d}"
    return reals["group"].map(names)


def _select(manifest: pd.DataFrame, landmark_table: pd.DataFrame) -> pd.DataFrame:
    usable = landmark_table.loc[landmark_table["status"] == OK, [*KEY, "points"]]
    is_real = (manifest["target"] == REAL).fillna(False)
    further = manifest.columns.difference([*MANIFEST_COLUMNS])
    return manifest[is_real].drop(columns=further).merge(usable, on=KEY, validate="one_to_one")


def _make_batch(batch: _Batch, *, root: Path, forger: Forger, seed: int) -> list[MadeImage]:
    """Read, forge and encode the images of a batch."""
    circle, start = batch
    faces: list[Any] = list(circle.itertuples())
    landmarks = [
        complete(points_of(face.points), (int(face.height), int(face.width))) for face in faces
    ]
    partners = Partners.of(landmarks, pd.factorize(circle["group"])[0])
    made = []
    for index in range(start, min(start + _ROWS_PER_BATCH, len(faces))):
        face = faces[index]
        rng = image_rng(seed, SUBSETS.index(face.subset), face.row)
        scale = rng.uniform(*_COMMON_SCALE)
        quality = int(rng.integers(*_JPEG_QUALITY, endpoint=True))
        pixels = read_rgb(root / face.path)
        lent = partners.draw(index, rng)
        partner = None if lent is None else (read_rgb(root / faces[lent].path), landmarks[lent])
        forgery = forger.forge(pixels, landmarks[index], partner, rng)
        both = ((REAL, face.kind, pixels), (FAKE, forgery.kind, forgery.pixels))
        pair = [
            _row(face, target, kind, encode_jpeg(_reduced(image, scale), quality), seed)
            for target, kind, image in both
        ]
        made += sorted(pair, key=lambda row: row.img_name)  # by chance, as far as classes go
    return made


def _row(face: Any, target: int, kind: str, jpeg: bytes, seed: int) -> MadeImage:
    key = f"{seed}/{face.subset}/{face.path}/{target}"
    name = f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.jpg"
    return MadeImage(face.subset, name, target, face.circle, kind, face.source, jpeg)


def _reduced(pixels: Pixels, scale: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
