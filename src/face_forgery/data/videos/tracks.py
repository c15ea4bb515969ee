"""Faces of successive frames to persons, by where they are and how large."""

from collections.abc import Sequence
from itertools import count
from math import hypot

from face_forgery.data.images.faces import Face

_MAX_DISTANCE = 0.75  # between the middles of two boxes, of their mean side
_MAX_RATIO = 2.0  # of the sides of two boxes


def match_faces(known: Sequence[Face], faces: Sequence[Face]) -> list[int | None]:
    """Return for each of ``faces`` the index of the ``known`` one it continues, or ``None``.

    The nearest pairs come first. Two boxes can be one person where their middles are no further
    apart than three quarters of their mean side (of boxes of one size, a quarter of the side then
    overlaps), and neither side is more than twice the other.
    """
    pairs = [
        (distance, new, old)
        for new, face in enumerate(faces)
        for old, before in enumerate(known)
        if (distance := _distance(before, face)) <= _MAX_DISTANCE
    ]
    found: list[int | None] = [None] * len(faces)
    taken: set[int] = set()
    for _, new, old in sorted(pairs):
        if found[new] is None and old not in taken:
            found[new] = old
            taken.add(old)
    return found


def _distance(one: Face, other: Face) -> float:
    """Return how far apart the middles are, of the mean side; infinite for unlike sizes."""
    sides = [max(face.width, face.height, 1e-9) for face in (one, other)]
    if max(sides) > _MAX_RATIO * min(sides):
        return float("inf")
    across = (one.left + one.width / 2) - (other.left + other.width / 2)
    down = (one.top + one.height / 2) - (other.top + other.height / 2)
    return 2.0 * hypot(across, down) / sum(sides)


class Tracker:
    """Numbers persons from 1, in the order of their first frames, the larger face first.

    Who was not seen for longer than ``max_gap`` seconds counts as somebody new.
    """

    def __init__(self, *, max_gap: float) -> None:
        self._max_gap = max_gap
        self._numbers = count(1)
        self._seen: dict[int, tuple[Face, float]] = {}  # person -> last face and its second

    def follow(self, faces: Sequence[Face], seconds: float) -> list[int]:
        """Return the person of each of the ``faces`` of the next frame."""
        known = {n: seen for n, seen in self._seen.items() if seconds - seen[1] <= self._max_gap}
        numbers = list(known)
        matches = match_faces([face for face, _ in known.values()], faces)
        persons = [next(self._numbers) if at is None else numbers[at] for at in matches]
        self._seen = known | {n: (face, seconds) for n, face in zip(persons, faces, strict=True)}
        return persons
