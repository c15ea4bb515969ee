"""Who forges: which kind, which partner and every other choice follow from a few numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.kinds import Forgery, ForgingKind, Portrait, make_forgery
from face_forgery.forgery.making.landmarks import Points, complete, face_size
from face_forgery.forgery.making.warping import Pixels

_STREAM = 0x666F7267  # keeps these draws apart from others that follow from the same numbers
_CANDIDATES = 12  # of which the partner with the nearest pose is taken


def image_rng(seed: int, epoch: int, index: int, *again: int) -> np.random.Generator:
    """Return the random generator of one image in one epoch; no other image or epoch shares it.

    ``again`` is given for an image that comes again in its epoch: how often it came before.
    """
    return np.random.default_rng(np.random.SeedSequence((_STREAM, seed, epoch, index, *again)))


@dataclass(frozen=True)
class Forger:
    """Forges images of faces; picklable, without a state of its own.

    It sees pixels and landmarks: no label, no name, no split. Outside of the mask a forgery is its
    original bit for bit, so **both must go through the same encoder and the same degradations
    afterwards**; otherwise that difference is what a network learns.

    OpenCV brings its own threads: call ``cv2.setNumThreads(1)`` in a process that is one of many.
    """

    kinds: Mapping[ForgingKind, float]  # weights; kinds that are not named are not made
    strength: float  # of the traces: 0 hardly any, 1 as real forgeries have them, more: stronger

    def forge(
        self,
        pixels: Pixels,
        landmarks: NDArray[np.floating],
        partner: tuple[Pixels, NDArray[np.floating]] | None,
        rng: np.random.Generator,
    ) -> Forgery:
        """Forge an image, ``(H, W, 3)`` uint8 RGB, that stays as it is; see `make_forgery`.

        ``landmarks``, ``(5, 2)`` or ``(68, 2)`` in pixels, may lie outside in part. Without a
        ``partner``, another person of any size, a face swap becomes a self-blend, and expressions
        are drawn instead of borrowed. ``rng``, of ``image_rng``, decides everything.

        Raises:
            LandmarksError: If the landmarks cannot be a face of their image.
        """
        own = Portrait(pixels, complete(landmarks, pixels.shape))
        other = None
        if partner is not None:
            other = Portrait(partner[0], complete(partner[1], partner[0].shape))
        return make_forgery(self.draw_kind(rng), own, other, rng, self.strength)

    def draw_kind(self, rng: np.random.Generator) -> ForgingKind:
        """Draw a kind by the weights."""
        names = list(self.kinds)
        weights = np.array([self.kinds[name] for name in names])
        return names[int(rng.choice(len(names), p=weights / weights.sum()))]


@dataclass(frozen=True, eq=False)
class Partners:
    """Who can lend a face to whom: another group, and of a few the one in the nearest pose.

    Build it of one side of a split only: a forgery shows both its people.
    """

    shapes: NDArray[np.float32]  # (N, 136): landmarks about their middle, in units of the face
    groups: NDArray[np.int64]  # (N,): images that share one may show the same person

    @classmethod
    def of(cls, faces: Sequence[Points], groups: NDArray[np.int64]) -> "Partners":
        """Take the faces, ``(68, 2)`` each, as ``complete`` returns them."""
        shapes = [
            ((face - face.mean(axis=0)) / face_size(face)).astype(np.float32).ravel()
            for face in faces
        ]
        return cls(np.stack(shapes) if shapes else np.zeros((0, 136), np.float32), groups)

    def draw(self, index: int, rng: np.random.Generator) -> int | None:
        """Return the position of a partner for image ``index``; ``None``: there is nobody else."""
        candidates = rng.integers(len(self.groups), size=_CANDIDATES)
        candidates = candidates[self.groups[candidates] != self.groups[index]]
        if not len(candidates):
            candidates = np.flatnonzero(self.groups != self.groups[index])
        if not len(candidates):
            return None
        apart = ((self.shapes[candidates] - self.shapes[index]) ** 2).sum(axis=1)
        return int(candidates[apart.argmin()])
