"""Every degradation by name and level, and how to apply one.

Families: ``deeper_forensics`` are the seven perturbations of DeeperForensics-1.0 at its five levels
(Jiang et al. 2020, CVPR; levels as in the authors' code; "JPEG" there is a reduction in resolution,
here called by what it does). The other families are the sweeps that later papers report: JPEG and
WebP quality, resolution, blur and noise (Wang et al. 2020, CVPR, and successors), and two chains of
steps for pictures passed on in social media and captured from a screen.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from face_forgery.forgery.degradation import codecs
from face_forgery.forgery.degradation import pixels as on_pixels
from face_forgery.forgery.degradation.chains import Capture, Upload, capture_screen, pass_on
from face_forgery.forgery.degradation.pixels import Pixels

_Step = Callable[[Pixels, np.random.Generator], Pixels]


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


FAMILIES = ("deeper_forensics", "compression", "scaling", "blur_and_noise", "chains")


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
    return _STEPS[degradation](pixels, rng)


def make_rng(pixels: Pixels, degradation: Degradation) -> np.random.Generator:
    """Return a generator that follows from the picture's content and the degradation alone."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(f"{pixels.shape} {degradation.key}".encode())
    return np.random.default_rng(int.from_bytes(digest.digest()[:8], "little"))


@dataclass(frozen=True)
class _Ladder:
    """A degradation at all its levels, weakest first."""

    family: str
    name: str
    title: str
    levels: tuple[Any, ...]  # strengths; a pair of words and strength where words say it better
    label: str  # of a strength, for ``str.format``
    step: Callable[[Pixels, Any, np.random.Generator], Pixels]

    def steps(self) -> Iterator[tuple[Degradation, _Step]]:
        for level, strength in enumerate(self.levels, start=1):
            words, value = strength if isinstance(strength, tuple) else (strength, strength)
            degradation = Degradation(
                self.family, self.name, level, self.title, self.label.format(words)
            )
            yield degradation, partial(self._apply, value)

    def _apply(self, value: Any, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return self.step(pixels, value, rng)


_LADDERS = (
    _Ladder(
        family="deeper_forensics",
        name="color_saturation",
        title="Color saturation",
        levels=(0.4, 0.3, 0.2, 0.1, 0.0),
        label="x {:g}",
        step=lambda pixels, factor, rng: on_pixels.change_saturation(pixels, factor),
    ),
    _Ladder(
        family="deeper_forensics",
        name="color_contrast",
        title="Color contrast",
        levels=(0.85, 0.725, 0.6, 0.475, 0.35),
        label="x {:g}",
        step=lambda pixels, factor, rng: on_pixels.change_contrast(pixels, factor),
    ),
    _Ladder(
        family="deeper_forensics",
        name="block_wise",
        title="Gray blocks",
        levels=(16, 32, 48, 64, 80),
        label="{} of 8 px",
        step=on_pixels.cover_blocks,
    ),
    _Ladder(
        family="deeper_forensics",
        name="gaussian_noise_color",
        title="Color noise",
        levels=(0.001, 0.002, 0.005, 0.01, 0.05),
        label="variance {:g}",
        step=on_pixels.add_color_noise,
    ),
    _Ladder(
        family="deeper_forensics",
        name="gaussian_blur",
        title="Gaussian blur",
        levels=(7, 9, 13, 17, 21),
        label="kernel {}",
        step=lambda pixels, size, rng: on_pixels.blur(pixels, size / 6, radius=size // 2),
    ),
    _Ladder(
        family="deeper_forensics",
        name="pixelation",
        title="Pixelation",
        levels=(2, 3, 4, 5, 6),
        label="1 / {}",
        step=lambda pixels, factor, rng: on_pixels.pixelate(pixels, factor),
    ),
    _Ladder(
        family="deeper_forensics",
        name="video_compression",
        title="H.264 key frame",
        levels=(30, 32, 35, 38, 40),
        label="crf {}",
        step=lambda pixels, crf, rng: codecs.compress_video(pixels, crf),
    ),
    _Ladder(
        family="compression",
        name="jpeg_quality",
        title="JPEG",
        levels=(95, 85, 70, 50, 30),
        label="quality {}",
        step=lambda pixels, quality, rng: codecs.compress_jpeg(pixels, quality),
    ),
    _Ladder(
        family="compression",
        name="webp_quality",
        title="WebP",
        levels=(95, 80, 60, 40, 20),
        label="quality {}",
        step=lambda pixels, quality, rng: codecs.compress_webp(pixels, quality),
    ),
    _Ladder(
        family="scaling",
        name="down_and_up",
        title="Down and up",
        levels=(0.75, 0.5, 0.35, 0.25),
        label="x {:g}",
        step=lambda pixels, factor, rng: on_pixels.scale_down_and_up(pixels, factor),
    ),
    _Ladder(
        family="blur_and_noise",
        name="blur_sigma",
        title="Blur",
        levels=(0.5, 1.0, 2.0, 3.0),
        label="sigma {:g} px",
        step=lambda pixels, sigma, rng: on_pixels.blur(pixels, sigma),
    ),
    _Ladder(
        family="blur_and_noise",
        name="noise_sigma",
        title="Noise",
        levels=(2, 5, 10, 20),
        label="sigma {} / 255",
        step=on_pixels.add_noise,
    ),
    _Ladder(
        family="chains",
        name="social_media",
        title="Social media",
        levels=(
            ("1 upload", (Upload(1.0, 85),)),
            ("2 uploads", (Upload(0.9, 85), Upload(1.0, 75))),
            ("2, smaller", (Upload(0.6, 80), Upload(0.9, 70))),
            ("3, smaller", (Upload(0.5, 75), Upload(0.8, 65), Upload(1.0, 60))),
        ),
        label="{}",
        step=lambda pixels, uploads, rng: pass_on(pixels, uploads),
    ),
    _Ladder(
        family="chains",
        name="screenshot",
        title="Screenshot",
        levels=(
            ("x 1.37", Capture(scale=1.37, gamma=1.0, quality=None)),
            ("x 1.37, dark", Capture(scale=1.37, gamma=1.1, quality=90)),
            ("x 0.71, JPEG", Capture(scale=0.71, gamma=1.1, quality=80)),
            ("x 0.53, JPEG", Capture(scale=0.53, gamma=1.2, quality=70)),
        ),
        label="{}",
        step=lambda pixels, capture, rng: capture_screen(pixels, capture),
    ),
)
_STEPS: dict[Degradation, _Step] = dict(
    itertools.chain.from_iterable(ladder.steps() for ladder in _LADDERS)
)
