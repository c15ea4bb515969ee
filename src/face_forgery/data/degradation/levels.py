"""The measured grid: every degradation at every level, by name."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from face_forgery.data.degradation.operations import REGISTERED, Operation, Pixels

FAMILIES = tuple(dict.fromkeys(one.family for one in REGISTERED))


@dataclass(frozen=True)
class Degradation:
    """One degradation at one level; level 1 is the weakest."""

    family: str
    name: str
    level: int
    title: str  # the name for people
    label: str  # how strong, in the unit people know

    @property
    def key(self) -> str:
        """Name and level in one word, such as ``jpeg_quality@3``."""
        return f"{self.name}@{self.level}"

    def describe(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def list_degradations(families: Iterable[str] = FAMILIES) -> tuple[Degradation, ...]:
    """Return the degradations of ``families``, weakest level of each first.

    Raises:
        ValueError: If a family is unknown.
    """
    wanted = tuple(families)
    if unknown := sorted(set(wanted) - set(FAMILIES)):
        raise ValueError(f"unknown families of degradations {unknown}; there are {list(FAMILIES)}")
    return tuple(degradation for degradation in _STEPS if degradation.family in wanted)


def apply(degradation: Degradation, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Return ``pixels`` degraded, uint8 ``(H, W, 3)`` of the same size.

    Args:
        degradation: One of ``list_degradations()``.
        pixels: uint8 ``(H, W, 3)``; not changed.
        rng: Used by the degradations that are random.
    """
    operation, strength = _STEPS[degradation]
    return operation(pixels, strength, rng)


def make_rng(pixels: Pixels, degradation: Degradation) -> np.random.Generator:
    """Return a generator that follows from the image's content and the degradation alone."""
    return rng_of_content(pixels, degradation.key)


def rng_of_content(pixels: Pixels, key: str) -> np.random.Generator:
    """Return a generator that follows from the image's content and a key alone."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(f"{pixels.shape} {key}".encode())
    return np.random.default_rng(int.from_bytes(digest.digest()[:8], "little"))


def _list_steps() -> dict[Degradation, tuple[Operation, Any]]:
    steps = {}
    for one in REGISTERED:
        for level, strength in enumerate(one.levels, start=1):
            words, value = strength if isinstance(strength, tuple) else (strength, strength)
            label = one.label.format(words)
            degradation = Degradation(one.family, one.name, level, one.title, label)
            steps[degradation] = (one.operation, value)
    return steps


_STEPS = _list_steps()
