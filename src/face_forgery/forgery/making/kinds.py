"""Six ways to forge a photograph of a face.

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
from face_forgery.forgery.making.landmarks import (
    MIRRORED,
    Points,
    affine_between,
    borrow_expression,
    draw_expression,
    face_size,
)
from face_forgery.forgery.making.masks import Mask, Region, Window, draw_mask, whole_image
from face_forgery.forgery.making.traces import color_mesh, draw_traces, leave_traces
from face_forgery.forgery.making.warping import Pixels, Warped, warp_affine, warp_to, warp_within

ForgingKind = Literal[
    "face_swap", "reenactment", "talking_face", "attribute_edit", "self_blend", "morph"
]
FORGING_KINDS: tuple[ForgingKind, ...] = get_args(ForgingKind)
BORROWING_KINDS: tuple[ForgingKind, ...] = ("face_swap", "reenactment", "talking_face", "morph")

_BLENDING_ODDS = (0.5, 0.25, 0.25)
_LEAST_CHANGE = 2.5  # levels on average under the mask; less would be no forgery
_LARGEST_STRETCH = 1.6  # of one axis beside the other; a partner in another pose is not used
_LEAST_COVERED = 0.6  # of the mask; with less of it in the partner's image, there is no swap


class Portrait(NamedTuple):
    """An image of a face."""

    pixels: Pixels  # (H, W, 3) RGB
    landmarks: Points  # (68, 2), in these pixels


class Forgery(NamedTuple):
    """A forged image and what was changed."""

    pixels: Pixels  # (H, W, 3)
    mask: Mask  # (H, W): how much of each pixel was replaced; where it is 0 it is the original's
    kind: ForgingKind


@dataclass(frozen=True)
class _Draft:
    """What a kind proposes, before its making leaves traces."""

    window: Window
    mask: Mask  # (h, w)
    donor: Pixels  # (h, w, 3)
    match: float  # proportion of the way to the original's colors
    proportion: float  # of the donor where the mask is 1
    blendings: tuple[Blending, ...] = BLENDINGS


def make_forgery(
    kind: ForgingKind,
    own: Portrait,
    partner: Portrait | None,
    rng: np.random.Generator,
    strength: float,
    *,
    mesh: float = 0.0,
) -> Forgery:
    """Forge an image, ``own``, which stays as it is.

    ``face_swap`` needs a partner, another person of any size; without one, or with one in another
    pose or with most of the face outside of the image, it becomes ``self_blend``; ``morph`` then
    takes the face's own mirror image. ``strength`` is
    of the traces: 0 hardly any, 1 as real forgeries have them, more: stronger. ``mesh`` are levels
    of the red-green mesh that upsampling layers leave. ``rng`` decides everything else.
    """
    draft = _FORGERS[kind](own, partner, rng, strength)
    if draft is None:
        kind, draft = "self_blend", _blend_self(own, partner, rng, strength)
    under = np.ascontiguousarray(own.pixels[draft.window.plane])
    traces = draw_traces(rng, strength)
    made = leave_traces(draft.donor, under, draft.mask, traces, rng)
    original = under.astype(np.float32)
    made = match_colors(made, original, draft.mask, draft.match)
    if mesh:
        made += mesh * color_mesh(own.pixels.shape)[draft.window.plane]
    mask = draft.mask * np.float32(draft.proportion)
    odds = np.array([_BLENDING_ODDS[BLENDINGS.index(name)] for name in draft.blendings])
    method = draft.blendings[int(rng.choice(len(odds), p=odds / odds.sum()))]
    forged = blend(original, made, mask, method)
    forged = _make_sure(forged, original, mask, rng)
    pixels, whole_mask = own.pixels.copy(), np.zeros(own.pixels.shape[:2], np.float32)
    pixels[draft.window.plane] = _to_bytes(forged)
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
    return _Draft(window, covered, warped.pixels, rng.uniform(0.7, 1.0), _draw_proportion(rng, 0.9))


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
    return _Draft(window, mask, warped.pixels, 0.0, _draw_proportion(rng, 0.7))


def _replace_mouth(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """Mouth and perhaps chin of another expression: the partner's, or one's own moved."""
    region: Region = "lower" if rng.random() < 0.6 else "mouth"
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    is_lent = rng.random() < 0.6
    if partner is not None and is_lent and _is_near_in_pose(own, partner):
        wanted = _jittered(own.landmarks, rng, strength)
        fit = rng.uniform(0.2, 0.8)
        warped = warp_to(partner.pixels, partner.landmarks, wanted, window, fit=fit)
        covered = _covered(mask, warped)
        if covered is not None:
            match = rng.uniform(0.7, 1.0)
            return _Draft(window, covered, warped.pixels, match, _draw_proportion(rng, 0.9))
    moved = draw_expression(own.landmarks, rng, mouth_only=True)
    warped = warp_within(own.pixels, own.landmarks, moved, window)
    return _Draft(window, mask, warped.pixels, 0.0, _draw_proportion(rng, 0.7))


def _edit_attribute(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """One region with another tone, smoothness or size."""
    region = _EDITED[int(rng.integers(len(_EDITED)))]
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    edit = int(rng.integers(3))
    if edit == 0:
        donor = _another_tone(own.pixels[window.plane], rng, 1.0)
    elif edit == 1:
        donor = _another_texture(own.pixels[window.plane], face_size(own.landmarks), rng)
    else:
        largest = 0.12 if region in ("inner", "lower") else 0.25
        donor = _another_size(own.pixels, largest, window, mask, rng)
    return _Draft(window, mask, donor, 0.0, 1.0, blendings=("alpha", "two_bands"))


def _blend_self(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """A face, or the whole image, blended with a transformed copy of itself.

    Idea, and how often how much of the copy is taken: Shiohara and Yamasaki 2022, Detecting
    Deepfakes with Self-Blended Images.
    """
    region = _BLENDED[int(rng.integers(len(_BLENDED)))]
    size = face_size(own.landmarks)
    turn, scale = rng.normal(0.0, 0.03), np.exp(rng.normal(0.0, 0.03))
    center = own.landmarks.mean(axis=0)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = center - linear @ center + rng.normal(0.0, 0.12 * size, 2)
    matrix = np.column_stack([linear, shift])
    if region is None:
        window, mask = whole_image(own.pixels.shape)
        copy = warp_affine(own.pixels, matrix, window).pixels
        return _Draft(window, mask, copy, 0.0, _draw_partial_proportion(rng), blendings=("alpha",))
    window, mask = draw_mask(own.landmarks, region, own.pixels.shape, rng)
    donor = _another_tone(warp_affine(own.pixels, matrix, window).pixels, rng, 0.6)
    return _Draft(window, mask, donor, 0.0, _PROPORTIONS[int(rng.integers(len(_PROPORTIONS)))])


def _morph(
    own: Portrait, partner: Portrait | None, rng: np.random.Generator, strength: float
) -> _Draft:
    """The face, or the whole image, averaged with another person's or with its mirror image.

    Morphed photographs pass for both people (Ferrara, Franco and Maltoni 2014, The magic
    passport); an average is also what generators that guess tend to.
    """
    is_lent = rng.random() < 0.5
    if partner is None or not is_lent or not _is_near_in_pose(own, partner):
        partner = _mirrored(own)
    if rng.random() < 0.33:  # more, and statistics of the whole image would give them away
        window, mask = whole_image(own.pixels.shape)
    else:
        window, mask = draw_mask(own.landmarks, "face", own.pixels.shape, rng)
    fit = rng.uniform(0.0, 1.0)
    warped = warp_to(partner.pixels, partner.landmarks, own.landmarks, window, fit=fit)
    return _Draft(
        window, mask, warped.pixels, 0.0, _draw_partial_proportion(rng), blendings=("alpha",)
    )


def _mirrored(own: Portrait) -> Portrait:
    width = own.pixels.shape[1]
    landmarks = own.landmarks.take(MIRRORED, axis=0) * (-1.0, 1.0) + (width - 1.0, 0.0)
    return Portrait(np.ascontiguousarray(own.pixels[:, ::-1]), landmarks)


def _draw_partial_proportion(rng: np.random.Generator) -> float:
    """Draw how much of the donor is taken where both are to be seen."""
    return float(rng.uniform(0.25, 0.75))


def _another_tone(pixels: Pixels, rng: np.random.Generator, proportion: float) -> Pixels:
    """Change the colors of ``(h, w, 3)``; ``proportion`` says how far."""
    shifted = shift_colors(
        pixels.astype(np.float32),
        gain=float(np.exp(rng.normal(0.0, 0.15 * proportion))),
        offset=float(rng.normal(0.0, 12.0 * proportion)),
        saturation=float(np.exp(rng.normal(0.0, 0.2 * proportion))),
        tint=(float(rng.normal(0.0, 3.5 * proportion)), float(rng.normal(0.0, 3.5 * proportion))),
    )
    return _to_bytes(shifted)


def _another_texture(pixels: Pixels, size: float, rng: np.random.Generator) -> Pixels:
    """Smooth the skin and keep its edges, or bring out its lines; ``size`` is that of the face."""
    if rng.random() < 0.5:
        smooth = cv2.bilateralFilter(pixels, 5, rng.uniform(15.0, 45.0), max(1.5, 0.06 * size))
        return np.asarray(smooth, np.uint8)
    values = pixels.astype(np.float32)
    coarse = cv2.GaussianBlur(values, (0, 0), float(np.clip(0.05 * size, 1.0, 4.0)))
    lined = values + np.float32(rng.uniform(0.4, 1.2)) * (values - coarse)
    return _to_bytes(lined)


def _another_size(
    pixels: Pixels, largest: float, window: Window, mask: Mask, rng: np.random.Generator
) -> Pixels:
    """Enlarge or shrink what the mask covers around its middle, by at most the part ``largest``."""
    height, width = mask.shape
    total = float(mask.sum())
    x = float(mask.sum(axis=0) @ np.arange(width)) / total + window.left
    y = float(mask.sum(axis=1) @ np.arange(height)) / total + window.top
    factor = 1.0 + (1.0 if rng.random() < 0.5 else -1.0) * rng.uniform(0.3, 1.0) * largest
    matrix = np.array([[factor, 0.0, x * (1 - factor)], [0.0, factor, y * (1 - factor)]])
    return warp_affine(pixels, matrix, window).pixels


def _to_bytes(values: Values) -> Pixels:
    """Round ``(h, w, 3)`` to the nearest levels in 0 to 255."""
    return np.asarray(cv2.add(values, (0.0, 0.0, 0.0, 0.0), dtype=cv2.CV_8U), np.uint8)


def _draw_proportion(rng: np.random.Generator, least: float) -> float:
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
    *("inner", "lower", "mouth", "mouth", "eyes", "eyes", "left_eye", "right_eye", "nose"),
)
_BLENDED: tuple[Region | None, ...] = (  # None: the whole image
    *("face", "face", "face", "inner", "inner", "lower", "eyes", "mouth", None, None, None),
)
_PROPORTIONS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
_FORGERS: dict[
    ForgingKind,
    Callable[[Portrait, Portrait | None, np.random.Generator, float], _Draft | None],
] = {
    "face_swap": _swap_face,
    "reenactment": _reenact,
    "talking_face": _replace_mouth,
    "attribute_edit": _edit_attribute,
    "self_blend": _blend_self,
    "morph": _morph,
}
