"""Forgeries of real training images, made while a loader reads: new ones in every epoch."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.images.crops import Square
from face_forgery.data.labels.manifest import KEY, MANIFEST_COLUMNS, OK, REAL, ManifestError
from face_forgery.forgery.making.forger import Forger, Partners, image_rng
from face_forgery.forgery.making.kinds import BORROWING_KINDS, Portrait, make_forgery
from face_forgery.forgery.making.landmark_table import points_of
from face_forgery.forgery.making.landmarks import LandmarksError, Points, complete, scale_points
from face_forgery.forgery.making.warping import Pixels

_Size = tuple[float, float]  # height and width


@dataclass(frozen=True, eq=False)
class TrainForgeries:
    """Which images of a training set can be forged, and how; picklable, cheap to share.

    Targets are looked at once, in ``of``, before an image is opened; forging itself sees pixels
    and landmarks. Partners come from other groups of the same set.
    """

    rows: NDArray[np.int64]  # (M,), positions in the training set, ascending
    faces: NDArray[np.float32]  # (M, 68, 2), landmarks in pixels of an image of sizes
    sizes: NDArray[np.float64]  # (M, 2), height and width; of other sizes landmarks are scaled
    partners: Partners  # of the M images
    forger: Forger
    proportion: float  # forged copies of an epoch, as a proportion of M; above 0

    @classmethod
    def of(
        cls,
        manifest: pd.DataFrame,
        landmark_table: pd.DataFrame,
        forger: Forger,
        *,
        proportion: float,
        squares: NDArray[Any] | None,
        side: int | None,
    ) -> "TrainForgeries":
        """Take the real images of a training set, ``MANIFEST_COLUMNS``, that have landmarks.

        ``squares``, as `squares_of` has them, is what is cut out of each image, and its
        landmarks with it; without them images are taken whole, and decoded to ``side`` at least.

        Raises:
            ManifestError: If no real image has a face that is large enough in what is read.
        """
        usable = landmark_table.loc[landmark_table["status"] == OK, [*KEY, "points"]]
        known = manifest.drop(columns=manifest.columns.difference([*MANIFEST_COLUMNS]))
        joined = known.merge(usable, on=KEY, how="left", validate="one_to_one")
        is_real = (joined["target"] == REAL).fillna(False)
        landmarked = joined[is_real & joined["points"].notna()]
        found: dict[int, tuple[Points, _Size]] = {}
        one: Any
        for one in landmarked.itertuples():
            square = None if squares is None else squares[one.Index]
            size = (int(one.height), int(one.width))
            face = _locate_face(points_of(one.points), size, square, side)
            if face is not None:
                found[one.Index] = face
        if not found:
            raise ManifestError(
                f"none of {int(is_real.sum()):,} real training images can be forged: they have "
                "no landmarks, or faces that are cut off or too small in what is read; check "
                "forging.landmarks, or set augmentation.forgeries.proportion=0"
            )
        rows = list(found)
        faces = [face for face, _ in found.values()]
        groups = pd.factorize(joined.loc[rows, "group"])[0].astype(np.int64)
        return cls(
            rows=np.array(rows, dtype=np.int64),
            faces=np.stack(faces).astype(np.float32),
            sizes=np.array([size for _, size in found.values()]),
            partners=Partners.of(faces, groups),
            forger=forger,
            proportion=proportion,
        )

    @property
    def num_per_epoch(self) -> int:
        """How many forged copies every epoch has; at least one."""
        return max(1, round(self.proportion * len(self.rows)))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of who can be forged and where the faces are."""
        digest = hashlib.sha256()
        for part in (self.rows, self.faces, self.sizes, self.partners.groups):
            digest.update(part.tobytes())
        return digest.hexdigest()

    def make(
        self, row: int, read: Callable[[int], Pixels], *, seed: int, epoch: int, again: int = 0
    ) -> Pixels:
        """Forge an image, one of ``rows``: ``(H, W, 3)`` uint8.

        ``read`` returns one by its position, and is called for its partner, too, where the kind
        needs one. Every draw follows from ``seed``, ``epoch`` (from 1), ``row`` and ``again``: how
        often it was forged in this epoch before.
        """
        rng = image_rng(seed, epoch, row, *([again] if again else []))
        index = int(np.searchsorted(self.rows, row))
        kind = self.forger.draw_kind(rng)
        lent = self.partners.draw(index, rng) if kind in BORROWING_KINDS else None
        own = self._portrait(index, read)
        partner = None if lent is None else self._portrait(lent, read)
        return make_forgery(kind, own, partner, rng, self.forger.strength).pixels

    def _portrait(self, index: int, read: Callable[[int], Pixels]) -> Portrait:
        pixels = read(int(self.rows[index]))
        down, across = np.array(pixels.shape[:2]) / self.sizes[index]
        points = self.faces[index].astype(np.float64)
        return Portrait(pixels, scale_points(points, across, down))


def _locate_face(
    points: Points, size: _Size, square: NDArray[Any] | None, side: int | None
) -> tuple[Points, _Size] | None:
    """Return the 68 points of a face in what is read of its image at least, and the size of that.

    ``None`` if the face is too small or most of it is cut off.
    """
    if square is not None:
        crop = Square.of_row(square)
        points, size = crop.locate(points), (crop.side, crop.side)
    elif side is not None:
        scale = min(1.0, side / min(size))
        points, size = scale_points(points, scale, scale), (size[0] * scale, size[1] * scale)
    try:
        return complete(points, size), size
    except LandmarksError:
        return None
