"""Five ways to forge a photograph of a face.

Each makes a donor, the pixels that the forger would like to see, and a mask; the making leaves its
traces in the donor, and both are blended. Outside of the mask no pixel changes. What is common to a
forgery and its original, above all the encoder that both are saved by, is not done here: whoever
uses a forgery has to put its original through the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np

from face_forgery.forgery.making.blending import BLENDINGS, Blending, blend
from face_forgery.forgery.making.colors import Values, match_colors, shift_colors
from face_forgery.forgery.making.edits import another_size, another_texture, another_tone, to_bytes
from face_forgery.forgery.making.expressions import borrow_expression, draw_expression
from face_forgery.forgery.making.landmarks import Points, affine_between, face_size
from face_forgery.forgery.making.masks import Mask, Region, draw_mask
from face_forgery.forgery.making.traces import draw_traces, leave_traces
from face_forgery.forgery.making.warping import Pixels, Warped, warp_affine, warp_to, warp_within
from face_forgery.forgery.making.windows import Window

ForgingKind = Literal["face_swap", "reenactment", "talking_face", "attribute_edit", "self_blend"]
FORGING_KINDS: tuple[ForgingKind, ...] = get_args(ForgingKind)
BORROWING_KINDS: tuple[ForgingKind, ...] = ("face_swap", "reenactment", "talking_face")

_BLENDING_ODDS = (0.5, 0.25, 0.25)
_LEAST_CHANGE = 2.5  # levels on average under the mask; less would be no forgery
_LARGEST_STRETCH = 1.6  # of one axis beside the other; a partner in another pose is not used
_LEAST_COVERED = 0.6  # of the mask; with less of it in the partner's picture, there is no swap


class Portrait(NamedTuple):
    """A picture of a face.

    ``pixels`` is ``(H, W, 3)`` RGB, ``landmarks`` are ``(68, 2)`` in its pixels.
    """

    pixels: Pixels
    landmarks: Points


class Forgery(NamedTuple):
    """A forged picture and what was changed.

    ``pixels`` is ``(H, W, 3)``; ``mask``, ``(H, W)`` float32 in [0, 1], is the share of each pixel
    that was replaced: where it is 0 the pixel is the original's.
    """

    pixels: Pixels
    mask: Mask
    kind: ForgingKind


@dataclass(frozen=True)
class _Draft:
    """What a kind proposes, before its making leaves traces."""

    window: Window
    mask: Mask  # (h, w)
    donor: Pixels  # (h, w, 3)
    match: float  # share of the way to the original's colors
    share: float  # of the donor where the mask is 1
    blendings: tuple[Blending, ...] = BLENDINGS


def make_forgery(
    kind: ForgingKind,
    own: Portrait,
    partner: Portrait | None,
    rng: np.random.Generator,
    strength: float,
) -> Forgery:
    """Forge a picture.

    Args:
        kind: ``face_swap`` needs a partner; without one, or with one in another pose or with most
            of the face outside of the picture, it becomes ``self_blend``.
        own: The picture that is forged; stays as it is.
        partner: Another person, of any size.
        rng: Decides everything else.
        strength: Of the traces: 0 hardly any, 1 as real forgeries have them, more: stronger.
    """
    draft = _FORGERS[kind](own, partner, rng, strength)
    if draft is None:
        kind, draft = "self_blend", _blend_self(own, partner, rng, strength)
    return _finish(kind, own, draft, rng, strength)


def _finish(
    kind: ForgingKind, own: Portrait, draft: _Draft, rng: np.random.Generator, strength: float
) -> Forgery:
    under = np.ascontiguousarray(own.pixels[draft.window.plane])
    traces = draw_traces(rng, strength)
    made = leave_traces(draft.donor, under, draft.mask, traces, rng)
    original = under.astype(np.float32)
    made = match_colors(made, original, draft.mask, draft.match)
    mask = draft.mask * np.float32(draft.share)
    odds = np.array([_BLENDING_ODDS[BLENDINGS.index(name)] for name in draft.blendings])
    method = draft.blendings[int(rng.choice(len(odds), p=odds / odds.sum()))]
    forged = blend(original, made, mask, method)
    forged = _make_sure(forged, original, mask, rng)
    pixels, whole_mask = own.pixels.copy(), np.zeros(own.pixels.shape[:2], np.float32)
    pixels[draft.window.plane] = to_bytes(forged)
    whole_mask[draft.window.plane] = mask
    return Forgery(pixels, whole_mask, kind)


def _make_sure(forged: Values, original: Values, mask: Mask, rng: np.random.Generator) -> Values:
    """Change the colors under the mask where next to nothing has changed."""
    change = cv2.norm(forged, original, cv2.NORM_L1) / 3.0
    if change >= _LEAST_CHANGE * cv2.sumElems(mask)[0]:
        return forged
    sign = 1.0 if rng.random() < 0.5 else -1.0
    offset = sign * rng.uniform(3.0, 8.0)
    shifted = shift_colors(
        original, gain=1.0, offset=offset, saturation=1.0, tint=(-0.5 * offset, 0.3 * offset)
    )
    return forged + (shifted - original) * mask[..., None]


def _swap_face(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft | None:
    """Another person's face, moved onto the landmarks, with colors matched in part."""
    if partner is None or not _is_near_in_pose(own, partner):
        return None
    region: Region = "face" if rng.random() < 0.35 else "inner"
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    wanted = _jittered(own.landmarks, rng, strength)
    warped = warp_to(partner.pixels, partner.landmarks, wanted, window, fit=rng.uniform(0.5, 1.0))
    covered = _covered(mask, warped)
    if covered is None:
        return None
    return _Draft(window, covered, warped.pixels, rng.uniform(0.7, 1.0), _share(rng, 0.9))


def _reenact(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """The face driven to another expression and pose: the partner's, or one that is drawn."""
    region: Region = "face" if rng.random() < 0.6 else "inner"
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    if partner is not None and rng.random() < 0.5:
        moved = borrow_expression(own.landmarks, partner.landmarks)
    else:
        moved = draw_expression(own.landmarks, rng)
    warped = warp_within(own.pixels, own.landmarks, moved, window)
    return _Draft(window, mask, warped.pixels, 0.0, _share(rng, 0.7))


def _replace_mouth(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """Mouth and perhaps chin of another expression: the partner's, or one's own moved."""
    region: Region = "lower" if rng.random() < 0.6 else "mouth"
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    is_lent = rng.random() < 0.6
    if partner is not None and is_lent and _is_near_in_pose(own, partner):
        wanted = _jittered(own.landmarks, rng, strength)
        warped = warp_to(
            partner.pixels, partner.landmarks, wanted, window, fit=rng.uniform(0.2, 0.8)
        )
        covered = _covered(mask, warped)
        if covered is not None:
            return _Draft(window, covered, warped.pixels, rng.uniform(0.7, 1.0), _share(rng, 0.9))
    moved = draw_expression(own.landmarks, rng, mouth_only=True)
    warped = warp_within(own.pixels, own.landmarks, moved, window)
    return _Draft(window, mask, warped.pixels, 0.0, _share(rng, 0.7))


def _edit_attribute(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """One region with another tone, smoothness or size."""
    region = _EDITED[int(rng.integers(len(_EDITED)))]
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    edit = int(rng.integers(3))
    if edit == 0:
        donor = another_tone(own.pixels[window.plane], rng, 1.0)
    elif edit == 1:
        donor = another_texture(own.pixels[window.plane], face_size(own.landmarks), rng)
    else:
        largest = 0.12 if region in ("inner", "lower") else 0.25
        donor = another_size(own.pixels, largest, window, mask, rng)
    return _Draft(window, mask, donor, 0.0, 1.0, blendings=("alpha", "two_bands"))


def _blend_self(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """A face blended with a transformed copy of itself.

    Idea: Shiohara and Yamasaki 2022, Detecting Deepfakes with Self-Blended Images.
    """
    region = _BLENDED[int(rng.integers(len(_BLENDED)))]
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    size = face_size(own.landmarks)
    turn, scale = rng.normal(0.0, 0.02), np.exp(rng.normal(0.0, 0.03))
    center = own.landmarks.mean(axis=0)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = center - linear @ center + rng.normal(0.0, 0.06 * size, 2)
    warped = warp_affine(own.pixels, np.column_stack([linear, shift]), window)
    donor = another_tone(warped.pixels, rng, 0.6)
    return _Draft(window, mask, donor, 0.0, _share(rng, 0.5))


def _share(rng: np.random.Generator, least: float) -> float:
    """Draw how much of the donor is taken: in two of three forgeries all of it."""
    return float(rng.uniform(least, 1.0)) if rng.random() < 0.33 else 1.0


def _jittered(points: Points, rng: np.random.Generator, strength: float) -> Points:
    """Move landmarks as a finder's errors do: all together, and each a little."""
    size = face_size(points)
    together = rng.normal(0.0, 0.05 * strength * size, 2)
    return points + together + rng.normal(0.0, 0.02 * strength * size, points.shape)


def _is_near_in_pose(own: Portrait, partner: Portrait) -> bool:
    """Say whether the partner's face fits without being stretched out of shape."""
    linear = affine_between(partner.landmarks, own.landmarks)[:, :2]
    longest, shortest = np.linalg.svd(linear, compute_uv=False)
    return bool(longest <= _LARGEST_STRETCH * shortest)


def _covered(mask: Mask, warped: Warped) -> Mask | None:
    """Return the mask where the donor has pixels; ``None`` if that is too little of it."""
    if warped.covered is None:
        return mask
    covered = mask * warped.covered
    if float(covered.sum()) < _LEAST_COVERED * float(mask.sum()) or float(covered.max()) < 0.5:
        return None
    return covered


_EDITED: tuple[Region, ...] = (
    "inner",
    "lower",
    "mouth",
    "mouth",
    "eyes",
    "eyes",
    "left_eye",
    "right_eye",
    "nose",
)
_BLENDED: tuple[Region, ...] = ("face", "face", "inner", "inner", "lower", "eyes", "mouth", "nose")
_FORGERS: dict[
    ForgingKind,
    Callable[[Portrait, Portrait | None, np.random.Generator, float], _Draft | None],
] = {
    "face_swap": _swap_face,
    "reenactment": _reenact,
    "talking_face": _replace_mouth,
    "attribute_edit": _edit_attribute,
    "self_blend": _blend_self,
}
