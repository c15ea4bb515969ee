"""A labelled set of real images and forgeries made from them.

Each real image with landmarks is there twice, as it is and forged. Both are reduced by the same
factor, which breaks the grid of the JPEG that the original was in both, and encoded at the same
quality. A face swap shows two people. So that neither can come to lie on two
sides of a split, groups are dealt into circles: faces are exchanged within a circle only, and the
circle is the group in the labels of the set.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from face_forgery.data.images.decoding import read_rgb
from face_forgery.data.labels.manifest import FAKE, KEY, REAL, SUBSETS, ManifestError
from face_forgery.forgery.made_images import MadeImage, make_in_order
from face_forgery.forgery.making.forger import Forger, Partners, image_rng
from face_forgery.forgery.making.landmark_table import OK, points_of
from face_forgery.forgery.making.landmarks import Points, complete
from face_forgery.forgery.making.warping import Pixels
from face_forgery.forgery.rendering.camera import encode_jpeg

_ROWS_PER_BATCH = 32


@dataclass(frozen=True)
class _Face:
    """A real image of a circle."""

    row: int  # of its label file
    path: str
    group: int
    kind: str
    source: str
    height: int
    width: int
    points: list[float]

    @property
    def landmarks(self) -> Points:
        return complete(points_of(self.points), (self.height, self.width))


@dataclass(frozen=True)
class _Batch:
    """Faces of one circle, and which of them to write."""

    subset: str
    circle: str
    faces: list[_Face]
    written: range


@dataclass(frozen=True)
class _Recipe:
    """What is the same for all batches."""

    root: str
    forger: Forger
    common_scale: tuple[float, float]
    jpeg_quality: tuple[int, int]
    seed: int

    def make(self, batch: _Batch) -> list[MadeImage]:
        """Read, forge and encode the images of a batch."""
        partners = Partners.of(
            [face.landmarks for face in batch.faces],
            np.array([face.group for face in batch.faces], dtype=np.int64),
        )
        return [row for index in batch.written for row in self._make_pair(batch, index, partners)]

    def _make_pair(self, batch: _Batch, index: int, partners: Partners) -> list[MadeImage]:
        face = batch.faces[index]
        rng = image_rng(self.seed, SUBSETS.index(batch.subset), face.row)
        scale = rng.uniform(*self.common_scale)
        quality = int(rng.integers(self.jpeg_quality[0], self.jpeg_quality[1] + 1))
        pixels = self._read(face)
        lent = partners.draw(index, rng)
        other = None if lent is None else batch.faces[lent]
        partner = None if other is None else (self._read(other), other.landmarks)
        forgery = self.forger.forge(pixels, face.landmarks, partner, rng)
        pair = [
            self._row(batch, face, target, kind, encode_jpeg(_reduced(image, scale), quality))
            for target, kind, image in (
                (REAL, face.kind, pixels),
                (FAKE, forgery.kind, forgery.pixels),
            )
        ]
        return sorted(pair, key=lambda row: row.img_name)  # by chance, as far as classes go

    def _read(self, face: _Face) -> Pixels:
        return read_rgb(Path(self.root) / face.path)

    def _row(self, batch: _Batch, face: _Face, target: int, kind: str, jpeg: bytes) -> MadeImage:
        key = f"{self.seed}/{batch.subset}/{face.path}/{target}"
        name = f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.jpg"
        return MadeImage(batch.subset, name, target, batch.circle, kind, face.source, jpeg)


def forge_set(
    manifest: pd.DataFrame,
    landmark_table: pd.DataFrame,
    *,
    root: Path,
    forger: Forger,
    circle: int,
    common_scale: tuple[float, float],
    jpeg_quality: tuple[int, int],
    seed: int,
    num_workers: int,
) -> Iterator[list[MadeImage]]:
    """Forge the real images of a manifest, a batch at a time; memory stays flat.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``; rows that are not real are left out.
        landmark_table: ``LANDMARK_COLUMNS``; images without landmarks are left out.
        root: What ``path`` of the manifest is relative to.
        forger: Makes one forgery of each image.
        circle: Groups that exchange faces, at least 2.
        common_scale: Smallest and largest factor, at most 1, that an image and its forgery are
            resized by.
        jpeg_quality: Lowest and highest quality; drawn for each image and its forgery together.
        seed: Of every draw.
        num_workers: Processes; 0 forges here. Does not change the images.

    Raises:
        ManifestError: If no real image has landmarks.
    """
    batches = _list_batches(manifest, landmark_table, circle=circle, seed=seed)
    recipe = _Recipe(str(root), forger, common_scale, jpeg_quality, seed)
    return make_in_order(recipe.make, batches, num_workers=num_workers)


def count_forgeable(manifest: pd.DataFrame, landmark_table: pd.DataFrame) -> int:
    """Return how many real images have landmarks."""
    return len(_select(manifest, landmark_table))


def deal_circles(reals: pd.DataFrame, circle: int, seed: int) -> pd.Series:
    """Return the name of each row's circle: groups of one subset and source, by chance.

    Args:
        reals: Columns ``subset``, ``source`` and ``group``.
        circle: Groups of a circle; the last of a source takes what is left over.
        seed: Another seed, other circles.

    Returns:
        A name for each row, with the index of ``reals``.
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
    return manifest[is_real].merge(usable, on=KEY, validate="one_to_one")


def _list_batches(
    manifest: pd.DataFrame, landmark_table: pd.DataFrame, *, circle: int, seed: int
) -> list[_Batch]:
    reals = _select(manifest, landmark_table)
    if reals.empty:
        raise ManifestError(
            f"none of the {len(manifest):,} images is real and has landmarks; forgeries are made "
            "from real images (target 0)"
        )
    reals["circle"] = deal_circles(reals, circle, seed)
    batches = []
    for (subset, name), part in reals.groupby(["subset", "circle"], sort=True):
        codes = pd.factorize(part["group"])[0]
        faces = [
            _Face(*values)
            for values in zip(
                part["row"].tolist(),
                part["path"],
                codes.tolist(),
                part["kind"],
                part["source"],
                part["height"].astype(int).tolist(),
                part["width"].astype(int).tolist(),
                [list(points) for points in part["points"]],
                strict=True,
            )
        ]
        batches += [
            _Batch(str(subset), str(name), faces, range(at, min(at + _ROWS_PER_BATCH, len(faces))))
            for at in range(0, len(faces), _ROWS_PER_BATCH)
        ]
    return batches


def _reduced(pixels: Pixels, scale: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
