"""Four ways to forge a picture of a face, each working on rendered pixels.

All end alike: pixels of a second picture, aligned to the first, pass through fewer pixels (as a
generator's output does), have light that does not quite fit, and are blended in with a feathered
mask. What remains to be found is local: the seam, the wrong light, missing texture under a faint
grid, doubled or displaced edges.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from face_forgery.forgery.rendering.attribute_edits import EDITS
from face_forgery.forgery.rendering.detail import color_grid, invented_texture, sharpened
from face_forgery.forgery.rendering.drawn_face import Face, Scene, light_direction, sample_face
from face_forgery.forgery.rendering.face_parts import (
    FACE_AXES,
    INNER_FACE,
    MOUTH,
    Region,
    bounds,
    face_axes,
    hill,
    region_mask,
)
from face_forgery.forgery.rendering.fields import Plane, vary
from face_forgery.forgery.rendering.geometry import Landmarks
from face_forgery.forgery.rendering.render import Picture, render
from face_forgery.forgery.rendering.resampling import (
    affine_between,
    apply_affine,
    fewer_pixels,
    pixel_grid,
    sample,
)

ForgeryKind = Literal["face_swap", "reenactment", "talking_face", "attribute_edit"]
FORGERY_KINDS: tuple[ForgeryKind, ...] = get_args(ForgeryKind)
_LENS = 0.01  # of the height: detail is matched as a camera will show it


@dataclass(frozen=True)
class Traces:
    """How strong the marks of one forgery are."""

    resolution: float  # share of the pixels along a side that the generator works with
    checker: float  # share of its checkerboard in the texture that it invents; the rest is grain
    texture: int  # seed of that texture
    seam: float  # brightness of the rim that blending leaves, darker or lighter
    color_grid: float  # height of the colored grid that the generator leaves behind
    feather: float  # width of the seam, in parts of the picture's size
    tilt: tuple[float, float]  # wrong light: brightness per unit of the face axes
    tint: tuple[float, float, float]  # wrong color: a factor a channel
    misalignment: tuple[float, float]  # in units of the face axes
    ghost: float  # share of the original that shows through a warped face


@dataclass(frozen=True)
class Forgery:
    """A forged picture with the truth about it.

    Attributes:
        image: ``(3, H, W)`` float32 in [0, 1] before the camera.
        mask: ``(H, W)`` float32 in [0, 1]: how much of each pixel was replaced.
        real: The picture it was made from, with the landmarks; the same wherever ``mask`` is 0.
        kind: How it was made.
        change: What was changed: the edited attribute, otherwise the kind.
    """

    image: Plane
    mask: Plane
    real: Picture
    kind: ForgeryKind
    change: str


def sample_traces(rng: np.random.Generator) -> Traces:
    """Draw how strong the marks are."""
    sideways, _, upwards = light_direction(2.0 * np.pi * rng.random(), 0.0)
    strength = 0.08 + 0.08 * rng.random()
    return Traces(
        resolution=0.82 + 0.14 * rng.random(),
        checker=0.50 + 0.3 * rng.random(),
        texture=int(rng.integers(2**31)),
        seam=0.18 * _clear(rng),
        color_grid=0.070 + 0.025 * rng.random(),
        feather=0.006 + 0.010 * rng.random(),
        tilt=(strength * sideways, strength * upwards),
        tint=(1.0 + vary(rng, 0.0, 0.12), 1.0 + vary(rng, 0.0, 0.10), 1.0 + vary(rng, 0.0, 0.12)),
        misalignment=(vary(rng, 0.0, 0.10), vary(rng, 0.0, 0.07)),
        ghost=0.12 + 0.14 * rng.random(),
    )


def forge(face: Face, kind: ForgeryKind, rng: np.random.Generator, size: int) -> Forgery:
    """Render a face and forge the picture.

    Args:
        face: The face of the real picture.
        kind: One of ``FORGERY_KINDS``.
        rng: Decides the donor, the change and the strength of the marks.
        size: Pixels of each side, at least 32.
    """
    real = render(face, size)
    traces = sample_traces(rng)
    image, mask, change = _FORGERS[kind](face, real, traces, rng)
    return Forgery(image, mask, real, kind, change)


def splice(image: Plane, landmarks: Landmarks, donor: Plane, mask: Plane, traces: Traces) -> Plane:
    """Return the picture with the donor's pixels, marked by their making, where the mask is.

    Args:
        image: ``(3, H, W)`` in [0, 1]; stays as it is.
        landmarks: Of the face in ``image``: its axes orient the wrong light.
        donor: ``(3, h, w)``, the pixels for the bounds of the mask.
        mask: ``(H, W)`` in [0, 1], not empty.
        traces: How strong the marks are.
    """
    rows, columns = bounds(mask)
    p, q = face_axes(landmarks, rows, columns)
    part = fewer_pixels(donor, traces.resolution)
    original, weights = image[:, rows, columns], mask[rows, columns]
    lens = max(1.5, _LENS * image.shape[1])
    part = sharpened(part, original, weights, radius=1.2 / traces.resolution, lens=lens)
    part += invented_texture(
        part,
        original,
        weights,
        resolution=traces.resolution,
        checker=traces.checker,
        seed=traces.texture,
        lens=lens,
    )
    part += color_grid(part.shape, image.shape[1]) * np.float32(traces.color_grid)
    tilt = 1.0 + traces.tilt[0] * p + traces.tilt[1] * (q - INNER_FACE.middle[1])
    part *= tilt
    part *= np.array(traces.tint, dtype=np.float32).reshape(3, 1, 1)
    np.clip(part, 0.0, 1.0, out=part)
    spliced = image.copy()
    under = spliced[:, rows, columns]
    under += (part - under) * weights
    under *= 1.0 + traces.seam * 4.0 * weights * (1.0 - weights)
    np.clip(under, 0.0, 1.0, out=under)
    return spliced


def align(
    source: Picture, target: Landmarks, part: tuple[slice, slice], misalignment: tuple[float, float]
) -> Plane:
    """Return a part of the source moved so that eyes and mouth meet the target's, almost.

    Args:
        source: Where the pixels come from.
        target: Where eyes and mouth shall be.
        part: Rows and columns of the target's picture to fill.
        misalignment: Error that is left, in units of the target's face axes.
    """
    (a, b, _), (c, d, _) = affine_between(FACE_AXES, target.eyes_and_mouth)
    p, q = misalignment
    wanted = target.eyes_and_mouth + np.array([a * p + b * q, c * p + d * q])
    back = affine_between(wanted, source.landmarks.eyes_and_mouth)
    return sample(source.image, *apply_affine(back, *pixel_grid(*part)))


def _region(real: Picture, region: Region, traces: Traces) -> tuple[Plane, tuple[slice, slice]]:
    feather = traces.feather * real.face.shape[0]
    mask = region_mask(real.landmarks, real.face, region, feather)
    return mask, bounds(mask)


def _swap_face(
    face: Face, real: Picture, traces: Traces, rng: np.random.Generator
) -> tuple[Plane, Plane, str]:
    """Another person's inner face, in nearly the same pose, under another lamp."""
    donor = sample_face(rng)
    pose = replace(
        face.pose,
        yaw=face.pose.yaw + vary(rng, 0.0, 0.12),
        pitch=face.pose.pitch + vary(rng, 0.0, 0.08),
        roll=face.pose.roll + vary(rng, 0.0, 0.10),
    )
    look = replace(donor.look, glasses=face.look.glasses)
    donor = replace(donor, pose=pose, look=look, scene=_other_light(face.scene, rng))
    mask, part = _region(real, INNER_FACE, traces)
    moved = align(render(donor, real.face.shape[0]), real.landmarks, part, traces.misalignment)
    moved = match_colors(moved, real.image[:, *part], mask[part], 0.70 + 0.25 * rng.random())
    return splice(real.image, real.landmarks, moved, mask, traces), mask, "face_swap"


def _reenact(
    face: Face, real: Picture, traces: Traces, rng: np.random.Generator
) -> tuple[Plane, Plane, str]:
    """The finished picture warped to another expression and pose; the old edges shine through."""
    mask, part = _region(real, INNER_FACE, traces)
    p, q = face_axes(real.landmarks, *part)
    jaw, smile, turn, nod, brows = (_clear(rng) for _ in range(5))
    inner = hill(p, q, (0.0, 0.5), (2.0, 1.4))
    shift_p = 0.11 * turn * inner
    shift_q = 0.07 * nod * inner + 0.13 * jaw * hill(p, q, (0.0, 1.3), (1.1, 0.45))
    for side in (-1.0, 1.0):
        shift_q = shift_q - 0.17 * smile * hill(p, q, (0.8 * side, 1.0), (0.65, 0.42))
        shift_q = shift_q - 0.12 * brows * hill(p, q, (side, -0.38), (0.8, 0.33))
    to_pixels = affine_between(FACE_AXES, real.landmarks.eyes_and_mouth)
    moved = sample(real.image, *apply_affine(to_pixels, p - shift_p, q - shift_q))
    moved += (real.image[:, *part] - moved) * np.float32(traces.ghost)
    return splice(real.image, real.landmarks, moved, mask, traces), mask, "reenactment"


def _replace_mouth(
    face: Face, real: Picture, traces: Traces, rng: np.random.Generator
) -> tuple[Plane, Plane, str]:
    """The same person's mouth saying something else, rendered under another lamp."""
    mood = replace(
        face.expression, mouth_open=0.15 + 0.85 * rng.random(), smile=vary(rng, 0.0, 0.8)
    )
    speaking = replace(face, expression=mood, scene=_other_light(face.scene, rng))
    return *_repaint(speaking, MOUTH, real, traces), "talking_face"


def _edit_attribute(
    face: Face, real: Picture, traces: Traces, rng: np.random.Generator
) -> tuple[Plane, Plane, str]:
    """One attribute changed, the part around it rendered anew under another lamp."""
    name = tuple(EDITS)[int(rng.integers(len(EDITS)))]
    change, region = EDITS[name]
    edited = replace(change(face, rng), scene=_other_light(face.scene, rng))
    return *_repaint(edited, region, real, traces), name


def _repaint(changed: Face, region: Region, real: Picture, traces: Traces) -> tuple[Plane, Plane]:
    mask, part = _region(real, region, traces)
    source = render(changed, real.face.shape[0])
    source = replace(source, landmarks=real.landmarks)  # the same person in the same pose
    moved = align(source, real.landmarks, part, traces.misalignment)
    return splice(real.image, real.landmarks, moved, mask, traces), mask


def match_colors(donor: Plane, target: Plane, mask: Plane, strength: float) -> Plane:
    """Return the donor with its mean color under the mask brought towards the target's.

    Args:
        donor: ``(3, h, w)``.
        target: ``(3, h, w)``.
        mask: ``(h, w)`` in [0, 1], not empty.
        strength: 0 leaves the donor, 1 gives it the target's mean.
    """
    weights = mask.astype(np.float64)
    gains = []
    for channel in range(3):
        ratio = float(
            (target[channel] * weights).sum() / max((donor[channel] * weights).sum(), 1e-6)
        )
        gains.append(1.0 + strength * (min(ratio, 4.0) - 1.0))
    return donor * np.array(gains, dtype=np.float32).reshape(3, 1, 1)


def _other_light(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same place with the lamp on the other side."""
    across = -1.0 if scene.light[0] > 0 else 1.0
    light = light_direction(across * (0.35 + 0.65 * rng.random()), vary(rng, 0.35, 0.35))
    return replace(scene, light=light)


def _clear(rng: np.random.Generator) -> float:
    """Draw from -1 to -0.4 or from 0.4 to 1."""
    value = 2.0 * rng.random() - 1.0
    return 0.6 * value + (0.4 if value >= 0 else -0.4)


_FORGERS: dict[ForgeryKind, Callable[..., tuple[Plane, Plane, str]]] = {
    "face_swap": _swap_face,
    "reenactment": _reenact,
    "talking_face": _replace_mouth,
    "attribute_edit": _edit_attribute,
}
