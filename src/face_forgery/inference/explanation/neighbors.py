"""Training images that look most like an image: by brightness, colors and noise, not by content."""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.images.decoding import ImageError, decode_rgb
from face_forgery.data.labels.manifest import REAL
from face_forgery.modeling.detector import Detector

_SHOWN = 4


class Neighbor(NamedTuple):
    """A training image."""

    path: str  # below the data root
    label: str
    pixels: NDArray[np.uint8]  # (H, W, 3)


class SeenImages(NamedTuple):
    """Training images of a detector that are at hand."""

    rows: pd.DataFrame  # ``path``, ``target``
    white: NDArray[np.float64]  # (N, F): appearances, so that distances are Mahalanobis'
    whitening: NDArray[np.float64]  # (F, F)
    root: Path

    @classmethod
    def of(cls, detector: Detector, seen: pd.DataFrame | None, root: str) -> Self | None:
        """Take the table of the evaluation; ``None`` where it is of other images, or of none."""
        if seen is None or seen.empty or detector.appearance is None:
            return None
        if set(seen["data_fingerprint"]) != {detector.data_fingerprint}:
            return None
        whitening = detector.appearance.whitening
        return cls(seen, np.stack(seen["appearance"].tolist()) @ whitening.T, whitening, Path(root))

    def find(self, appearance: NDArray[np.float32]) -> list[Neighbor]:
        """Return the nearest that can still be read, the nearest first."""
        distances = ((self.white - self.whitening @ appearance) ** 2).mean(axis=1)
        found = []
        for row in np.argsort(distances, kind="stable")[:_SHOWN]:
            path, target = self.rows["path"].iloc[row], self.rows["target"].iloc[row]
            try:
                pixels = decode_rgb((self.root / path).read_bytes(), side=None)
            except (OSError, ImageError):
                continue  # no longer at hand
            found.append(Neighbor(path, "real" if target == REAL else "forged", pixels))
        return found
