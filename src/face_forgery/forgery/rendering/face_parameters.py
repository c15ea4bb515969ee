"""Who is drawn, and how: the parameters of a face and how they are sampled.

Lengths are in head units (half the height of the head without hair; x to the right of the
image, y down, the origin in the middle of the head). Colors are linear light in [0, 1], angles
radians.
"""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from face_forgery.forgery.rendering.fields import vary

Color = tuple[float, float, float]
Face = SimpleNamespace
"""Everything that an image before the camera shows: what `sample_face` gives values to."""

_SKINS: tuple[Color, ...] = (
    (0.78, 0.54, 0.42),
    (0.70, 0.46, 0.34),
    (0.62, 0.39, 0.26),
    (0.48, 0.28, 0.17),
    (0.33, 0.18, 0.11),
    (0.20, 0.105, 0.065),
)
_HAIR_COLORS: tuple[Color, ...] = (
    (0.018, 0.014, 0.012),
    (0.055, 0.030, 0.018),
    (0.13, 0.065, 0.03),
    (0.30, 0.17, 0.07),
    (0.50, 0.34, 0.15),
    (0.28, 0.08, 0.03),
)
_EYE_COLORS: tuple[Color, ...] = (
    (0.07, 0.035, 0.015),
    (0.15, 0.08, 0.03),
    (0.14, 0.15, 0.05),
    (0.08, 0.20, 0.12),
    (0.10, 0.22, 0.40),
    (0.25, 0.30, 0.33),
)
_FRAME_COLORS: tuple[Color, ...] = ((0.01, 0.01, 0.012), (0.10, 0.05, 0.02), (0.25, 0.03, 0.03))
_HAIR_STYLES = (
    *("bald", "short", "short", "short", "medium", "medium"),
    *("long", "long", "curly", "bun"),
)
_BACKDROPS = ("studio", "wall", "bokeh", "nature")


def sample_face(rng: np.random.Generator) -> Face:
    """Draw a face: a person, a look, an expression, a pose and a scene."""
    return Face(**_person(rng), **_look(rng), **_expression_and_pose(rng), **_scene(rng))


def _person(rng: np.random.Generator) -> dict[str, Any]:
    skin = _mixed(rng, _SKINS, 0.06)
    makeup = rng.random()
    square = 0.75 * rng.random()
    return {
        "width": vary(rng, 0.745, 0.075),  # of the head at its widest, half
        "jaw_square": square,  # 0 to 1, weights of three jaw shapes; the rest is round
        "jaw_point": (1.0 - square) * 0.8 * rng.random(),
        "cheekbones": vary(rng, 0.05, 0.035),  # height of the relief
        "eye_x": vary(rng, 0.315, 0.045),  # half the distance of the eyes
        "eye_y": vary(rng, -0.03, 0.04),
        "eye_width": vary(rng, 0.158, 0.025),  # half
        "eye_height": vary(rng, 0.085, 0.022),  # half, when fully open
        "eye_tilt": vary(rng, 0.03, 0.10),  # outer corner up
        "iris_radius": vary(rng, 0.078, 0.009),
        "eye_color": _mixed(rng, _EYE_COLORS, 0.15),
        "brow_y": vary(rng, -0.245, 0.035),
        "brow_thickness": vary(rng, 0.043, 0.02),
        "brow_arch": vary(rng, 0.05, 0.04),
        "nose_y": vary(rng, 0.27, 0.05),  # the tip
        "nose_width": vary(rng, 0.125, 0.035),
        "nose_depth": vary(rng, 0.17, 0.05),
        "mouth_y": vary(rng, 0.565, 0.04),
        "mouth_width": vary(rng, 0.26, 0.05),  # half
        "upper_lip": vary(rng, 0.05, 0.022),
        "lower_lip": vary(rng, 0.07, 0.026),
        "lip_color": (
            min(1.0, skin[0] * (0.80 + 0.1 * makeup)),
            skin[1] * (0.52 - 0.2 * makeup),
            skin[2] * (0.56 - 0.12 * makeup),
        ),
        "ear_size": vary(rng, 0.19, 0.045),
        "skin": skin,
        "pores": 0.045 + 0.055 * rng.random(),  # contrast of the skin's fine texture
        **_hair(rng),
    }


def _hair(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "hair_style": _HAIR_STYLES[int(rng.integers(len(_HAIR_STYLES)))],
        "hair_color": _mixed(rng, _HAIR_COLORS, 0.12),
        "hair_volume": vary(rng, 0.13, 0.07),
        "hairline": vary(rng, -0.70, 0.14),
        "parting": vary(rng, 0.0, 1.0),  # -1 to 1
        "texture_seed": int(rng.integers(2**31)),  # of pores and strands
    }


def _look(rng: np.random.Generator) -> dict[str, Any]:
    age, bearded, with_glasses, with_fringe = rng.random(4)
    return {
        "age": float(age * age),  # 0 (smooth) to 1 (deep lines)
        "gray": float(min(1.0, max(0.0, (age * age - 0.45) * 1.8))),  # 0 to 1, of the hair
        "beard": 0.35 + 0.65 * rng.random() if bearded < 0.22 else 0.0,  # 0 to 1, how dense
        "mustache": 0.4 + 0.6 * rng.random() if bearded < 0.28 else 0.0,
        "has_glasses": with_glasses < 0.22,
        "glasses_color": _mixed(rng, _FRAME_COLORS, 0.3),
        "has_fringe": with_fringe < 0.2,  # hair over the forehead
        "makeup": rng.random(),  # 0 to 1, strength of the lip color
    }


def _expression_and_pose(rng: np.random.Generator) -> dict[str, Any]:
    """Draw both; the pose is mostly frontal, as that of portraits is."""
    return {
        "smile": vary(rng, 0.25, 0.75),  # -1 to 1
        "mouth_open": max(0.0, rng.random() * 1.6 - 0.7),  # 0 to 1
        "eyes_open": vary(rng, 0.85, 0.17),  # 0.4 to 1
        "brow_raise": vary(rng, 0.0, 0.9),  # -1 to 1
        "gaze": (vary(rng, 0.0, 0.7), vary(rng, 0.0, 0.35)),  # -1 to 1, right and down
        "yaw": vary(rng, 0.0, 0.45),  # > 0: the face turns to the left of the image
        "pitch": vary(rng, 0.0, 0.20),  # > 0: the face turns down
        "roll": vary(rng, 0.0, 0.34),  # > 0: clockwise
        "scale": vary(rng, 0.98, 0.18),  # 1: the head is 0.7 of the image's height
        # Of the head's middle from that of the image, in parts of the image.
        "shift": (vary(rng, 0.0, 0.12), vary(rng, 0.015, 0.07)),
    }


def _scene(rng: np.random.Generator) -> dict[str, Any]:
    """Draw light and surroundings; the light comes from the front half, mostly from above."""
    warmth = vary(rng, 0.0, 0.16)
    return {
        "light": light_direction(vary(rng, 0.0, 1.25), vary(rng, 0.45, 0.45)),
        "light_color": (1.0 + warmth, 1.0, 1.0 - warmth),
        "ambient": vary(rng, 0.30, 0.10),
        "backdrop": _BACKDROPS[int(rng.integers(len(_BACKDROPS)))],
        "backdrop_colors": (_muted(rng), _muted(rng)),
        "clothes": _muted(rng),
        "scene_seed": int(rng.integers(2**31)),
    }


def light_direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    """Return the unit vector to a lamp (x right, y down, z to the camera).

    Both angles are > 0 from the right and from above.
    """
    return (
        math.sin(azimuth) * math.cos(elevation),
        -math.sin(elevation),
        math.cos(azimuth) * math.cos(elevation),
    )


def _muted(rng: np.random.Generator) -> Color:
    gray = 0.04 + 0.50 * rng.random()
    tint = [0.55 + 0.9 * rng.random() for _ in range(3)]
    return (gray * tint[0], gray * tint[1], gray * tint[2])


def _mixed(rng: np.random.Generator, palette: tuple[Color, ...], spread: float) -> Color:
    first, second = rng.integers(len(palette), size=2)
    part = 0.35 * rng.random()
    tint = [1.0 + vary(rng, 0.0, spread) for _ in range(3)]
    mixed = [
        min(1.0, (a + (b - a) * part) * t)
        for a, b, t in zip(palette[first], palette[second], tint, strict=True)
    ]
    return (mixed[0], mixed[1], mixed[2])
