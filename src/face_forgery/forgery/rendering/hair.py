"""Hair, beards and glasses."""

import numpy as np

from face_forgery.forgery.rendering.fields import (
    Plane,
    blend,
    bump,
    color,
    coverage,
    smoothstep,
    value_noise,
)
from face_forgery.forgery.rendering.geometry import View, squared_radius
from face_forgery.forgery.rendering.shading import feature_window, highlight, lit

_LENGTH = {"bald": -0.25, "short": -0.02, "medium": 0.42, "long": 1.6, "curly": 0.38, "bun": -0.02}


def hair_color(view: View) -> Plane:
    """Return the color of the hair, ``(3, 1, 1)``; age turns it gray."""
    gray = view.face.look.gray
    return color(*(part + (0.36 - part) * gray for part in view.face.identity.hair_color))


def strands(view: View, rng: np.random.Generator) -> Plane:
    """Return the pattern of the strands in [-1, 1], ``(H, W)``; curls where hair is curly."""
    shape = (view.size, view.size)
    if view.face.identity.hair_style == "curly":
        return 0.55 * value_noise(rng, shape, (41, 43)) + 0.45 * value_noise(rng, shape, (23, 25))
    return 0.6 * value_noise(rng, shape, (9, 72)) + 0.4 * value_noise(rng, shape, (14, 33))


def paint_back_hair(view: View, image: Plane, texture: Plane) -> None:
    """Paint the hair that falls behind the neck, or is tied up above the head."""
    who = view.face.identity
    if who.hair_style == "bun":
        x, y = view.x * (1.0 / 0.30), (view.y + 1.12 + who.hair_volume) * (1.0 / 0.24)
        mask = coverage(1.0 - x * x - y * y)
    elif who.hair_style in ("long", "medium", "curly"):
        bottom = _LENGTH[who.hair_style]
        half = who.width * (1.0 + who.hair_volume) + 0.05 + 0.03 * texture
        x = view.x / half
        mask = coverage(1.0 - x * x) * smoothstep(bottom + 0.1, bottom - 0.12, view.y)
        mask = mask * smoothstep(-0.4, -0.1, view.y)
    else:
        return
    shade = 0.55 + 0.25 * texture + 0.15 * np.clip(view.x * view.light[0], -1.0, 1.0)
    blend(image, hair_color(view) * (0.35 + 0.4 * np.maximum(shade, 0.05)), mask)


def paint_hair(view: View, image: Plane, texture: Plane) -> None:
    """Paint the hair on the head, around the face."""
    who, look = view.face.identity, view.face.look
    if who.hair_style == "bald":
        return
    grown = 1.0 + who.hair_volume
    rough = 0.035 if who.hair_style == "curly" else 0.008
    squared, slope = squared_radius(who, (view.y + 0.25 * who.hair_volume) * (1.0 / grown))
    outer = squared * (grown * grown) - view.x * view.x * (1.0 + rough * 4.0 * texture)
    length = _LENGTH[who.hair_style]
    side = np.abs(view.hx)
    edge = who.hairline + 0.24 * who.parting * view.hx
    rise = side * side * (1.0 / (who.width * who.width))
    edge = edge + (0.10 * rise + 0.62 * rise * rise * rise)
    edge = edge + 0.025 * texture
    if look.fringe:
        low = who.brow_y - 0.07 + 0.05 * texture + 0.06 * who.parting * view.hx
        edge = np.maximum(
            edge, low * smoothstep(0.75, 0.45, side) + edge * smoothstep(0.45, 0.75, side)
        )
    cap = np.minimum(outer, (edge - view.hy) * 2.0)
    if length > 0.1:
        inner = who.width * (0.93 + 0.02 * texture)
        curtain = np.minimum(view.x * view.x - inner * inner, view.y + 0.5) * 2.0
        half = who.width * grown + 0.02 + 0.02 * texture
        fall = np.minimum(curtain, half * half - view.x * view.x)
        cap = np.maximum(cap, np.minimum(fall, (length - view.y) * 0.5))
    else:
        cap = np.minimum(cap, (length + 0.12 - view.y) * 1.5)
    mask = coverage(cap, softness=1.5)
    depth = np.sqrt(np.maximum(outer, 0.0))
    norm = 1.0 / np.sqrt(view.x * view.x + 0.25 * slope * slope + depth * depth + 0.02)
    normal = (view.x * norm, -0.5 * slope * norm, depth * norm)
    light = lit(view.face.scene, view.light, normal, 0.80 + 0.28 * texture)
    gloss = highlight(view.light, normal, 3) * (0.10 + 0.10 * texture) * light[1]
    shadow = coverage(cap + 0.07, softness=0.10 * view.unit) * 0.30 * view.skin
    image *= 1.0 - shadow
    blend(image, hair_color(view) * light * (1.0 + 0.45 * texture) + gloss, mask)


def paint_beard(view: View, image: Plane, light: Plane, rng: np.random.Generator) -> None:
    """Paint beard and mustache, hairs over skin."""
    who, look, mood = view.face.identity, view.face.look, view.face.expression
    if not (look.beard or look.mustache):
        return
    window = feature_window(view, 0.0, 0.60, (0.85, 0.60))
    if window is None:
        return
    x, y = view.hx[window.plane], view.hy[window.plane]
    hairs = value_noise(rng, (view.size, view.size), (85, 110))[window.plane]
    drop = 0.12 * mood.mouth_open
    mouth_x = x * (1.0 / (who.mouth_width + 0.07))
    mouth_y = (y - who.mouth_y - 0.02 - drop / 2) * (1.0 / (0.10 + drop / 2))
    off_mouth = smoothstep(0.6, 1.1, mouth_x * mouth_x + mouth_y * mouth_y)
    cheek = 0.42 - 0.55 * (x * x) * (1.0 / (who.width * who.width)) + 0.15 * bump(x * x * 9.0)
    jaw = smoothstep(cheek_low := 0.0, 0.14, y - cheek) * off_mouth * look.beard
    lip_y = (y - (who.nose_y + who.mouth_y) / 2 - 0.045 - 0.25 * x * x) * (1.0 / 0.06)
    lip_x = x * (1.0 / (who.mouth_width + 0.04))
    lip = bump((lip_y * lip_y + lip_x * lip_x * lip_x * lip_x) * 0.75) * 1.5 * look.mustache
    cover = np.clip(np.maximum(jaw, lip) * (0.80 + 0.45 * hairs), cheek_low, 0.93)
    cover = cover * view.skin[window.plane]
    blend(image[window.picture], hair_color(view) * 0.85 * light[window.picture], cover)


def paint_glasses(view: View, image: Plane) -> None:
    """Paint a frame, its shadow and faint reflections."""
    who, look = view.face.identity, view.face.look
    if not look.glasses:
        return
    shift_x, shift_y = view.lifted(0.10)
    window = feature_window(view, 0.0, who.eye_y, (0.85, 0.34))
    if window is None:
        return
    under = image[window.picture]
    x, y = view.hx[window.plane] - shift_x, view.hy[window.plane] - shift_y - who.eye_y - 0.02
    frame = np.full_like(x, -1.0)
    lens = np.full_like(x, -1.0)
    for side in (-1.0, 1.0):
        lens_x = (x - side * (who.eye_x + 0.015)) * (1.0 / 0.235)
        lens_y = y * (1.0 / 0.165)
        radius = lens_x * lens_x * lens_x * lens_x + lens_y * lens_y
        lens = np.maximum(lens, 1.0 - radius)
        frame = np.maximum(frame, 0.16 - np.abs(radius - 1.0))
    bridge = np.minimum(0.022 - np.abs(y + 0.05 + 0.25 * x * x), 0.11 - np.abs(x))
    arms = np.minimum(0.020 - np.abs(y + 0.06), np.abs(x) - who.eye_x - 0.22)
    frame = np.maximum(frame, np.maximum(bridge, arms) * 4.0)
    glare = bump((x * 1.2 + y - 0.1) * (x * 1.2 + y - 0.1) * 60.0) * coverage(lens)
    under += glare * np.float32(0.045)
    cover = coverage(frame) * view.skin[window.plane]
    blend(under, color(*look.glasses_color), cover)
