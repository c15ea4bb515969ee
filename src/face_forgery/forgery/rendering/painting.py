"""What is painted around the face (backdrop, body, ears, hair) and on it (eyes to beard)."""

import numpy as np

from face_forgery.forgery.rendering.fields import (
    Plane,
    blend,
    bump,
    color,
    coverage,
    smoothstep,
    stream,
    value_noise,
)
from face_forgery.forgery.rendering.geometry import View, squared_radius
from face_forgery.forgery.rendering.shading import Direction, feature_window, highlight, lit

_LENGTH = {"bald": -0.25, "short": -0.02, "medium": 0.42, "long": 1.6, "curly": 0.38, "bun": -0.02}


def paint_backdrop(view: View) -> Plane:
    """Return the image's background, ``(3, H, W)`` linear light, brighter towards the lamp."""
    face, size = view.face, view.size
    rng = stream(face.scene_seed)
    steps = ((np.arange(size, dtype=np.float64) + 0.5) / size * 2.0 - 1.0).astype(np.float32)
    x, y = steps[None, :], steps[:, None]
    first, second = color(*face.backdrop_colors[0]), color(*face.backdrop_colors[1])
    if face.backdrop == "studio":
        mix = bump((x * x + y * y) * 0.35)
    elif face.backdrop == "wall":
        slope, sharp = 2.0 * rng.random() - 1.0, 0.02 + 0.5 * rng.random()
        mix = smoothstep(-sharp, sharp, x + slope * y + (2.0 * rng.random() - 1.0))
    elif face.backdrop == "nature":
        coarse, fine = (value_noise(rng, (size, size), (n, n)) for n in (6, 15))
        noise = coarse + 0.6 * fine
        mix = np.clip(0.5 + 0.5 * noise + 0.3 * y, 0.0, 1.0)
    else:
        mix = 0.5 + 0.3 * y + 0.0 * x
    image: Plane = first + (second - first) * mix
    if face.backdrop == "bokeh":
        _add_spots(image, rng, x, y)
    lamp: Direction = face.light
    shadows = value_noise(rng, (size, size), (4, 4))
    return image * ((0.85 + 0.40 * (x * lamp[0] + y * lamp[1])) * (1.0 + 0.80 * shadows))


def _add_spots(image: Plane, rng: np.random.Generator, x: Plane, y: Plane) -> None:
    for _ in range(int(rng.integers(6, 14))):
        middle_x, middle_y, size, red, green, blue = rng.random(6).tolist()
        radius = 0.08 + 0.22 * size
        dx, dy = (x - 2.0 * middle_x + 1.0) / radius, (y - 2.0 * middle_y + 1.0) / radius
        cover = smoothstep(1.0, 0.75, dx * dx + dy * dy) * (0.25 + 0.4 * size)
        blend(image, color(0.1 + 0.8 * red, 0.1 + 0.8 * green, 0.1 + 0.8 * blue), cover)


def paint_body(view: View, image: Plane) -> None:
    """Paint neck and shoulders, upright below the head, with the head's shadow on them."""
    face = view.face
    size, unit = view.size, view.unit
    steps = np.arange(size, dtype=np.float64) + 0.5
    chin = view.to_pixels([(0.0, 0.75)])[0]
    middle = 0.5 * float(chin[0]) + 0.5 * view.center[0]
    x = ((steps - middle) / unit).astype(np.float32)[None, :]
    y = ((steps - view.center[1]) / unit).astype(np.float32)[:, None]
    neck = face.width * 0.62
    half = neck + 0.9 * smoothstep(1.02, 1.5, y) * smoothstep(1.02, 1.5, y)
    inside = half * half - x * x
    mask = coverage(inside + 0.0 * y) * smoothstep(0.3, 0.4, y)
    round_x = np.clip(x / np.sqrt(half * half + 0.01), -1.0, 1.0)
    depth = np.sqrt(np.maximum(1.0 - round_x * round_x, 0.0))
    normal = (round_x, np.full_like(round_x, -0.1), depth)
    lamp = face.light
    shade_x, shade_y = x + 0.25 * lamp[0], y - 0.86 - 0.12 * max(-lamp[1], 0.0)
    shadow = bump(shade_x * shade_x * 2.2 + shade_y * shade_y * 5.0)
    light = lit(face, lamp, normal, 1.0 - 0.55 * shadow)
    blend(image, color(*face.skin) * light, mask)
    shoulders = np.minimum(inside, y - 1.13 - 0.16 * bump(x * x * 4.0))
    weave = 1.0 + 0.10 * value_noise(stream(face.scene_seed, 1), (size, size), (45, 45))
    blend(image, color(*face.clothes) * light * weave, coverage(shoulders))


def paint_ears(view: View, image: Plane) -> None:
    """Paint the ears; the one on the far side hides when the head turns."""
    face = view.face
    for side in (-1.0, 1.0):
        turned = side * face.yaw  # > 0: this ear comes towards the camera
        middle_x = side * (face.width * 0.99 - 0.16 * max(-turned, 0.0) - 0.05 * max(turned, 0.0))
        middle_y = 0.06 - 0.25 * face.pitch
        at = feature_window(view, middle_x, middle_y, (0.45, face.ear_size * 1.6))
        if at is None:
            continue
        x = (view.x[at] - middle_x - 0.02 * side) * (1.0 / (0.085 + 0.05 * max(turned, 0.0)))
        y = (view.y[at] - middle_y) * (1.0 / face.ear_size)
        x = x - 0.35 * side * (-y)
        radius = x * x + y * y
        depth = np.sqrt(np.maximum(1.0 - 0.8 * radius, 0.05))
        normal = (0.6 * x + 0.3 * side, 0.5 * y, depth * 0.7)
        hollow = 1.0 - 0.45 * bump(radius * 2.2)
        light = lit(view.face, view.light, normal, hollow)
        flesh = color(*face.skin) * light * color(1.0, 0.86, 0.84)
        blend(image[:, *at], flesh, coverage(1.0 - radius))


def hair_color(view: View) -> Plane:
    """Return the color of the hair, ``(3, 1, 1)``; age turns it gray."""
    gray = view.face.gray
    return color(*(part + (0.36 - part) * gray for part in view.face.hair_color))


def strands(view: View, rng: np.random.Generator) -> Plane:
    """Return the pattern of the strands in [-1, 1], ``(H, W)``; curls where hair is curly."""
    shape = (view.size, view.size)
    if view.face.hair_style == "curly":
        return 0.55 * value_noise(rng, shape, (41, 43)) + 0.45 * value_noise(rng, shape, (23, 25))
    return 0.6 * value_noise(rng, shape, (9, 72)) + 0.4 * value_noise(rng, shape, (14, 33))


def paint_back_hair(view: View, image: Plane, texture: Plane) -> None:
    """Paint the hair that falls behind the neck, or is tied up above the head."""
    face = view.face
    if face.hair_style == "bun":
        x, y = view.x * (1.0 / 0.30), (view.y + 1.12 + face.hair_volume) * (1.0 / 0.24)
        mask = coverage(1.0 - x * x - y * y)
    elif face.hair_style in ("long", "medium", "curly"):
        bottom = _LENGTH[face.hair_style]
        half = face.width * (1.0 + face.hair_volume) + 0.05 + 0.03 * texture
        x = view.x / half
        mask = coverage(1.0 - x * x) * smoothstep(bottom + 0.1, bottom - 0.12, view.y)
        mask = mask * smoothstep(-0.4, -0.1, view.y)
    else:
        return
    shade = 0.55 + 0.25 * texture + 0.15 * np.clip(view.x * view.light[0], -1.0, 1.0)
    blend(image, hair_color(view) * (0.35 + 0.4 * np.maximum(shade, 0.05)), mask)


def paint_hair(view: View, image: Plane, texture: Plane) -> None:
    """Paint the hair on the head, around the face."""
    face = view.face
    if face.hair_style == "bald":
        return
    grown = 1.0 + face.hair_volume
    rough = 0.035 if face.hair_style == "curly" else 0.008
    squared, slope = squared_radius(face, (view.y + 0.25 * face.hair_volume) * (1.0 / grown))
    outer = squared * (grown * grown) - view.x * view.x * (1.0 + rough * 4.0 * texture)
    length = _LENGTH[face.hair_style]
    side = np.abs(view.hx)
    edge = face.hairline + 0.24 * face.parting * view.hx
    rise = side * side * (1.0 / (face.width * face.width))
    edge = edge + (0.10 * rise + 0.62 * rise * rise * rise)
    edge = edge + 0.025 * texture
    if face.has_fringe:
        low = face.brow_y - 0.07 + 0.05 * texture + 0.06 * face.parting * view.hx
        fringe = low * smoothstep(0.75, 0.45, side) + edge * smoothstep(0.45, 0.75, side)
        edge = np.maximum(edge, fringe)
    cap = np.minimum(outer, (edge - view.hy) * 2.0)
    if length > 0.1:
        inner = face.width * (0.93 + 0.02 * texture)
        curtain = np.minimum(view.x * view.x - inner * inner, view.y + 0.5) * 2.0
        half = face.width * grown + 0.02 + 0.02 * texture
        fall = np.minimum(curtain, half * half - view.x * view.x)
        cap = np.maximum(cap, np.minimum(fall, (length - view.y) * 0.5))
    else:
        cap = np.minimum(cap, (length + 0.12 - view.y) * 1.5)
    mask = coverage(cap, softness=1.5)
    depth = np.sqrt(np.maximum(outer, 0.0))
    norm = 1.0 / np.sqrt(view.x * view.x + 0.25 * slope * slope + depth * depth + 0.02)
    normal = (view.x * norm, -0.5 * slope * norm, depth * norm)
    light = lit(view.face, view.light, normal, 0.80 + 0.28 * texture)
    gloss = highlight(view.light, normal, 3) * (0.10 + 0.10 * texture) * light[1]
    shadow = coverage(cap + 0.07, softness=0.10 * view.unit) * 0.30 * view.skin
    image *= 1.0 - shadow
    blend(image, hair_color(view) * light * (1.0 + 0.45 * texture) + gloss, mask)


def paint_beard(view: View, image: Plane, light: Plane, rng: np.random.Generator) -> None:
    """Paint beard and mustache, hairs over skin."""
    face = view.face
    if not (face.beard or face.mustache):
        return
    at = feature_window(view, 0.0, 0.60, (0.85, 0.60))
    if at is None:
        return
    x, y = view.hx[at], view.hy[at]
    hairs = value_noise(rng, (view.size, view.size), (85, 110))[at]
    drop = 0.12 * face.mouth_open
    mouth_x = x * (1.0 / (face.mouth_width + 0.07))
    mouth_y = (y - face.mouth_y - 0.02 - drop / 2) * (1.0 / (0.10 + drop / 2))
    off_mouth = smoothstep(0.6, 1.1, mouth_x * mouth_x + mouth_y * mouth_y)
    cheek = 0.42 - 0.55 * (x * x) * (1.0 / (face.width * face.width)) + 0.15 * bump(x * x * 9.0)
    jaw = smoothstep(cheek_low := 0.0, 0.14, y - cheek) * off_mouth * face.beard
    lip_y = (y - (face.nose_y + face.mouth_y) / 2 - 0.045 - 0.25 * x * x) * (1.0 / 0.06)
    lip_x = x * (1.0 / (face.mouth_width + 0.04))
    lip = bump((lip_y * lip_y + lip_x * lip_x * lip_x * lip_x) * 0.75) * 1.5 * face.mustache
    cover = np.clip(np.maximum(jaw, lip) * (0.80 + 0.45 * hairs), cheek_low, 0.93)
    cover = cover * view.skin[at]
    blend(image[:, *at], hair_color(view) * 0.85 * light[:, *at], cover)


def paint_glasses(view: View, image: Plane) -> None:
    """Paint a frame, its shadow and faint reflections."""
    face = view.face
    if not face.has_glasses:
        return
    shift_x, shift_y = view.lifted(0.10)
    at = feature_window(view, 0.0, face.eye_y, (0.85, 0.34))
    if at is None:
        return
    under = image[:, *at]
    x, y = view.hx[at] - shift_x, view.hy[at] - shift_y - face.eye_y - 0.02
    frame = np.full_like(x, -1.0)
    lens = np.full_like(x, -1.0)
    for side in (-1.0, 1.0):
        lens_x = (x - side * (face.eye_x + 0.015)) * (1.0 / 0.235)
        lens_y = y * (1.0 / 0.165)
        radius = lens_x * lens_x * lens_x * lens_x + lens_y * lens_y
        lens = np.maximum(lens, 1.0 - radius)
        frame = np.maximum(frame, 0.16 - np.abs(radius - 1.0))
    bridge = np.minimum(0.022 - np.abs(y + 0.05 + 0.25 * x * x), 0.11 - np.abs(x))
    arms = np.minimum(0.020 - np.abs(y + 0.06), np.abs(x) - face.eye_x - 0.22)
    frame = np.maximum(frame, np.maximum(bridge, arms) * 4.0)
    glare = bump((x * 1.2 + y - 0.1) * (x * 1.2 + y - 0.1) * 60.0) * coverage(lens)
    under += glare * np.float32(0.045)
    cover = coverage(frame) * view.skin[at]
    blend(under, color(*face.glasses_color), cover)


def paint_eyes(view: View, image: Plane, light: Plane) -> None:
    """Paint both eyes onto the skin; ``light`` is what the head's surface gets."""
    for side in (-1.0, 1.0):
        _paint_eye(view, image, light, side)


def _paint_eye(view: View, image: Plane, light: Plane, side: float) -> None:
    face = view.face
    reach = (face.eye_width * 1.5, face.eye_height * 2.6)
    at = feature_window(view, side * face.eye_x, face.eye_y, reach)
    if at is None:
        return
    x = (view.hx[at] - side * face.eye_x) * (1.0 / face.eye_width)
    y = view.hy[at] - face.eye_y + (face.eye_tilt * face.eye_width) * side * x
    height = face.eye_height * face.eyes_open
    arc = 1.0 - x * x
    upper = y + height * arc * (1.0 + 0.12 * side * x)  # > 0 below the upper lid
    lower = 0.62 * height * arc - y
    opening = coverage(np.minimum(upper, lower)) * (arc > -0.2)

    under = image[:, *at]
    eyeball = np.clip(light[:, *at] * 0.75 + 0.12, 0.0, 1.0)
    shadow = smoothstep(0.0, 0.07, upper) * 0.5 + 0.5
    ball = color(0.78, 0.75, 0.73) * eyeball * shadow * (0.72 + 0.28 * np.maximum(arc, 0.0))
    gaze_x = (face.gaze[0] * 0.30) * face.eye_width - 0.10 * view.face.yaw * face.eye_width
    iris_x = (x * face.eye_width - gaze_x) * (1.0 / face.iris_radius)
    iris_y = (y + 0.08 * height - face.gaze[1] * 0.25 * height) * (1.0 / face.iris_radius)
    radius2 = iris_x * iris_x + iris_y * iris_y
    rim = 1.25 - 0.75 * radius2 * radius2
    iris = color(*face.eye_color) * rim * (eyeball * 0.9 + 0.25) * shadow
    blend(ball, iris, coverage(1.0 - radius2))
    blend(ball, color(0.006, 0.005, 0.005), coverage(0.18 - radius2))
    glint_x, glint_y = iris_x - 0.42 * view.light[0], iris_y - 0.42 * view.light[1] + 0.05
    blend(ball, color(0.95, 0.95, 0.93), coverage(0.050 - glint_x * glint_x - glint_y * glint_y))
    blend(under, ball, opening)

    crease = (upper + 0.035) * (1.0 / 0.016)
    lash = upper * (1.0 / (0.014 + 0.008 * view.face.makeup)) + 0.4
    corners = np.clip(1.25 - x * x, 0.0, 1.0)
    under *= 1.0 - 0.38 * bump(crease * crease) * corners
    under *= 1.0 - 0.90 * bump(lash * lash) * np.minimum(corners * 2.0, 1.0)
    waterline = lower * (1.0 / 0.013)
    under *= 1.0 - 0.35 * bump(waterline * waterline) * corners


def paint_brows(view: View, image: Plane, light: Plane, rng: np.random.Generator) -> None:
    """Paint both brows; hairs run outwards."""
    face = view.face
    hair = color(*(0.75 * part + 0.05 * face.gray for part in face.hair_color))
    hairs = value_noise(rng, (view.size, view.size), (60, 90))
    for side in (-1.0, 1.0):
        at = feature_window(view, side * face.eye_x, face.brow_y - 0.03, (0.28, 0.16))
        if at is None:
            continue
        x = (view.hx[at] - side * face.eye_x) * (side / 0.2)  # -1 inner, 1 outer end
        rise = face.brow_arch * (1.0 - (x - 0.35) * (x - 0.35)) + 0.05 * face.brow_raise
        rise = rise - 0.02 * x + 0.012 * face.brow_raise * (1.0 - x)
        y = view.hy[at] - face.brow_y + rise
        thickness = face.brow_thickness * np.clip(1.05 - 0.42 * x - 0.25 * x * x, 0.1, 1.0)
        shape = bump((y / thickness) * (y / thickness) * 0.6) * smoothstep(1.2, 0.85, np.abs(x))
        strength = np.clip(shape * (1.15 + 0.45 * hairs[at]) * 1.3, 0.0, 0.92)
        blend(image[:, *at], hair * light[:, *at], strength)


def paint_nostrils(view: View, image: Plane) -> None:
    """Darken nostrils and the fold under the nose."""
    face = view.face
    shift_x, shift_y = view.lifted(face.nose_depth * 0.75)
    tip = face.nose_y + 0.045
    at = feature_window(view, shift_x, tip + shift_y, (face.nose_width * 1.6, 0.13))
    if at is None:
        return
    x, y = view.hx[at] - shift_x, view.hy[at] - shift_y - tip
    under = image[:, *at]
    fold_x, fold_y = x * (1.0 / (face.nose_width * 1.1)), (y - 0.012) * (1.0 / 0.045)
    under *= 1.0 - 0.22 * bump(fold_x * fold_x + fold_y * fold_y)
    for side in (-1.0, 1.0):
        hole_x = (x - side * face.nose_width * 0.45) * (1.0 / (face.nose_width * 0.36))
        hole_y = (y + 0.10 * side * x) * (1.0 / 0.030)
        under *= 1.0 - 0.72 * bump((hole_x * hole_x + hole_y * hole_y) * 0.7)


def paint_mouth(view: View, image: Plane, light: Plane) -> None:
    """Paint lips, and teeth where the mouth is open."""
    face = view.face
    reach = face.mouth_width * (1.0 + 0.15 * face.smile)
    at = feature_window(view, 0.0, face.mouth_y + 0.04, (reach * 1.3, 0.30))
    if at is None:
        return
    shift_x, shift_y = view.lifted(0.05)
    x = (view.hx[at] - shift_x) * (1.0 / reach)
    bend = 0.06 * face.smile
    y = view.hy[at] - shift_y - face.mouth_y + bend * (x * x - 0.25)
    arc = np.maximum(1.0 - x * x, -0.2)
    arc2 = np.maximum(arc, 0.0)
    drop = (0.16 * face.mouth_open) * arc2
    bow = 0.28 * bump(x * x * 16.0)
    upper = y + face.upper_lip * arc * (1.0 + 0.2 * arc2 - bow)
    lower = face.lower_lip * arc * (0.4 + 0.6 * arc2) + drop - y
    under, shine = image[:, *at], light[:, *at]
    lips = coverage(np.minimum(upper, lower), softness=1.6) * (0.72 + 0.28 * face.makeup)
    blend(under, color(*face.lip_color) * shine * (0.86 + 1.6 * np.clip(y, 0.0, 0.12)), lips)
    gap = np.minimum(y + 0.004, drop - y)
    if face.mouth_open > 0.02:
        inside = coverage(gap)
        teeth = color(0.70, 0.66, 0.58) * np.clip(shine, 0.1, 0.95)
        teeth = teeth * (1.0 - 0.30 * x * x) * smoothstep(0.085, 0.045, y)
        blend(under, teeth + color(0.05, 0.012, 0.012), inside)
    line = y * (1.0 / 0.014)
    under *= 1.0 - 0.62 * bump(line * line) * np.clip(arc * 3.0 + 0.25, 0.0, 1.0)
    corner = (np.abs(x) - 1.0) * (1.0 / 0.13)
    under *= 1.0 - 0.35 * bump(corner * corner + (y * y) * (1.0 / 0.03**2))
