"""The most suspicious frames of a video, kept small while it is judged."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.data.images.faces import Face

_SIDE = 400  # pixels of the longer side
_SHOWN = 6
_PARTS = 96  # of a video; each keeps one frame
_APART = 1 / 24  # of a video, between two frames that are shown


class Scene(NamedTuple):
    """A frame to look at."""

    seconds: float
    score: float  # of its most suspicious face, in [0, 1]
    person: int  # whose face that is
    picture: NDArray[np.uint8]  # (h, w, 3), reduced
    box: tuple[float, float, float, float] | None  # left, top, width, height in its pixels


class Scenes:
    """Keeps the most suspicious frame of each part of a video.

    Args:
        duration: Of the video, seconds.
    """

    def __init__(self, duration: float) -> None:
        self._duration = duration
        self._part_seconds = max(duration / _PARTS, 1e-3)
        self._best: dict[int, Scene] = {}

    def offer(self, scene: Scene) -> None:
        """Keep ``scene`` if it is more suspicious than what its part of the video has."""
        part = int(scene.seconds / self._part_seconds)
        if part not in self._best or scene.score > self._best[part].score:
            self._best[part] = scene

    def choose(self, start: float, end: float) -> tuple[Scene, ...]:
        """Return up to six of the most suspicious ones, by time.

        Args:
            start: Seconds; the most suspicious one of those from here on
            end: to here is among them.
        """
        by_score = sorted(
            self._best.values(),
            key=lambda scene: (not start <= scene.seconds <= end, -scene.score, scene.seconds),
        )
        chosen = by_score[:1]
        for scene in sorted(by_score[1:], key=lambda scene: (-scene.score, scene.seconds)):
            near = min(abs(scene.seconds - other.seconds) for other in chosen)
            if len(chosen) < _SHOWN and near >= _APART * self._duration:
                chosen.append(scene)
        return tuple(sorted(chosen, key=lambda scene: scene.seconds))


def shrink(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Return ``pixels``, ``(H, W, 3)``, reduced to thumbnail size, and the scale."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def scale_box(face: Face | None, scale: float) -> tuple[float, float, float, float] | None:
    """Return the box of ``face`` in a picture that was reduced by ``scale``."""
    if face is None:
        return None
    return face.left * scale, face.top * scale, face.width * scale, face.height * scale
