"""The persons of a video over its sampled frames, and which of them is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from face_forgery.data.images.faces import Face


class SeenFace(NamedTuple):
    """A face in one of the sampled frames."""

    frame: int  # its index among those sampled, from 0
    person: int  # as `tracks.Tracker` numbers them, from 1
    face: Face  # in pixels of the upright frame


@dataclass(frozen=True)
class Track:
    """What is known of a real video that its forgeries share: when it was sampled, who was where.

    It comes from, and becomes, plain values that JSON can hold.
    """

    size: tuple[int, int]  # width and height of the frames as stored, in pixels
    duration: float  # seconds
    times: tuple[float, ...]  # seconds, of each sampled frame
    seen: tuple[SeenFace, ...]
    person: int  # who is meant

    def to_values(self) -> list[Any]:
        """Return it as nested lists and numbers."""
        return [self.size, self.duration, self.times, self.seen, self.person]

    @classmethod
    def from_values(cls, values: Sequence[Any]) -> "Track":
        """Return what `to_values` made plain, by way of JSON too."""
        size, duration, times, seen, person = values
        faces = tuple(
            SeenFace(frame, shown, Face._make((*box, tuple(map(tuple, landmarks)))))
            for frame, shown, (*box, landmarks) in seen
        )
        return cls(tuple(size), duration, tuple(times), faces, person)


def choose_person(
    seen: Sequence[SeenFace], size: tuple[int, int], masks: Sequence[dict[int, NDArray[np.uint8]]]
) -> int:
    """Return the person whose faces are masked most, or without masks cover most pixels.

    Of equal ones the first; 0 where nobody was seen. Frames have ``size``, width and height in
    pixels; masks, ``(H, W, 3)`` by the index of the frame and stretched over it, are bright where
    it is forged.
    """
    masked: dict[int, float] = {}
    covered: dict[int, float] = {}
    for frame, person, face in seen:
        covered[person] = covered.get(person, 0.0) + face.width * face.height
        found = [_measure(mask[frame], face, size) for mask in masks if frame in mask]
        masked[person] = masked.get(person, 0.0) + sum(found)
    weights = masked if any(masked.values()) else covered
    return max(weights, key=lambda person: (weights[person], -person), default=0)


def _measure(mask: NDArray[np.uint8], face: Face, size: tuple[int, int]) -> float:
    """Return the brightness of a mask within a face's box, 0 to 1."""
    height, width = mask.shape[:2]
    across, down = width / size[0], height / size[1]
    left, right = (max(0, round(x * across)) for x in (face.left, face.left + face.width))
    top, bottom = (max(0, round(y * down)) for y in (face.top, face.top + face.height))
    inside = mask[top:bottom, left:right]
    return float(inside.max(axis=2).mean()) / 255 if inside.size else 0.0
