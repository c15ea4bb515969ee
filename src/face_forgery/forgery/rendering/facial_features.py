"""What is painted on the skin: eyes, brows, nostrils, mouth."""

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
from face_forgery.forgery.rendering.geometry import View
from face_forgery.forgery.rendering.shading import feature_window


def paint_eyes(view: View, image: Plane, light: Plane) -> None:
    """Paint both eyes onto the skin.

    Args:
        view: The face.
        image: ``(3, H, W)`` linear light, changed in place.
        light: ``(3, H, W)`` what the head's surface gets.
    """
    for side in (-1.0, 1.0):
        _paint_eye(view, image, light, side)


def _paint_eye(view: View, image: Plane, light: Plane, side: float) -> None:
    who, mood = view.face.identity, view.face.expression
    window = feature_window(
        view, side * who.eye_x, who.eye_y, (who.eye_width * 1.5, who.eye_height * 2.6)
    )
    if window is None:
        return
    x = (view.hx[window.plane] - side * who.eye_x) * (1.0 / who.eye_width)
    y = view.hy[window.plane] - who.eye_y + (who.eye_tilt * who.eye_width) * side * x
    height = who.eye_height * mood.eyes_open
    arc = 1.0 - x * x
    upper = y + height * arc * (1.0 + 0.12 * side * x)  # > 0 below the upper lid
    lower = 0.62 * height * arc - y
    opening = coverage(np.minimum(upper, lower)) * (arc > -0.2)

    under = image[window.picture]
    eyeball = np.clip(light[window.picture] * 0.75 + 0.12, 0.0, 1.0)
    shadow = smoothstep(0.0, 0.07, upper) * 0.5 + 0.5
    ball = color(0.78, 0.75, 0.73) * eyeball * shadow * (0.72 + 0.28 * np.maximum(arc, 0.0))
    gaze_x = (mood.gaze[0] * 0.30) * who.eye_width - 0.10 * view.face.pose.yaw * who.eye_width
    iris_x = (x * who.eye_width - gaze_x) * (1.0 / who.iris_radius)
    iris_y = (y + 0.08 * height - mood.gaze[1] * 0.25 * height) * (1.0 / who.iris_radius)
    radius2 = iris_x * iris_x + iris_y * iris_y
    rim = 1.25 - 0.75 * radius2 * radius2
    iris = color(*who.eye_color) * rim * (eyeball * 0.9 + 0.25) * shadow
    blend(ball, iris, coverage(1.0 - radius2))
    blend(ball, color(0.006, 0.005, 0.005), coverage(0.18 - radius2))
    glint_x, glint_y = iris_x - 0.42 * view.light[0], iris_y - 0.42 * view.light[1] + 0.05
    blend(ball, color(0.95, 0.95, 0.93), coverage(0.050 - glint_x * glint_x - glint_y * glint_y))
    blend(under, ball, opening)

    crease = (upper + 0.035) * (1.0 / 0.016)
    lash = upper * (1.0 / (0.014 + 0.008 * view.face.look.makeup)) + 0.4
    corners = np.clip(1.25 - x * x, 0.0, 1.0)
    under *= 1.0 - 0.38 * bump(crease * crease) * corners
    under *= 1.0 - 0.90 * bump(lash * lash) * np.minimum(corners * 2.0, 1.0)
    waterline = lower * (1.0 / 0.013)
    under *= 1.0 - 0.35 * bump(waterline * waterline) * corners


def paint_brows(view: View, image: Plane, light: Plane, rng: np.random.Generator) -> None:
    """Paint both brows; hairs run outwards."""
    who, look, mood = view.face.identity, view.face.look, view.face.expression
    hair = color(*(0.75 * part + 0.05 * look.gray for part in who.hair_color))
    hairs = value_noise(rng, (view.size, view.size), (60, 90))
    for side in (-1.0, 1.0):
        window = feature_window(view, side * who.eye_x, who.brow_y - 0.03, (0.28, 0.16))
        if window is None:
            continue
        x = (view.hx[window.plane] - side * who.eye_x) * (side / 0.2)  # -1 inner, 1 outer end
        rise = who.brow_arch * (1.0 - (x - 0.35) * (x - 0.35)) + 0.05 * mood.brow_raise
        rise = rise - 0.02 * x + 0.012 * mood.brow_raise * (1.0 - x)
        y = view.hy[window.plane] - who.brow_y + rise
        thickness = who.brow_thickness * np.clip(1.05 - 0.42 * x - 0.25 * x * x, 0.1, 1.0)
        shape = bump((y / thickness) * (y / thickness) * 0.6) * smoothstep(1.2, 0.85, np.abs(x))
        strength = np.clip(shape * (1.15 + 0.45 * hairs[window.plane]) * 1.3, 0.0, 0.92)
        blend(image[window.picture], hair * light[window.picture], strength)


def paint_nostrils(view: View, image: Plane) -> None:
    """Darken nostrils and the fold under the nose."""
    who = view.face.identity
    shift_x, shift_y = view.lifted(who.nose_depth * 0.75)
    tip = who.nose_y + 0.045
    window = feature_window(view, shift_x, tip + shift_y, (who.nose_width * 1.6, 0.13))
    if window is None:
        return
    x, y = view.hx[window.plane] - shift_x, view.hy[window.plane] - shift_y - tip
    under = image[window.picture]
    fold_x, fold_y = x * (1.0 / (who.nose_width * 1.1)), (y - 0.012) * (1.0 / 0.045)
    under *= 1.0 - 0.22 * bump(fold_x * fold_x + fold_y * fold_y)
    for side in (-1.0, 1.0):
        hole_x = (x - side * who.nose_width * 0.45) * (1.0 / (who.nose_width * 0.36))
        hole_y = (y + 0.10 * side * x) * (1.0 / 0.030)
        under *= 1.0 - 0.72 * bump((hole_x * hole_x + hole_y * hole_y) * 0.7)


def paint_mouth(view: View, image: Plane, light: Plane) -> None:
    """Paint lips, and teeth where the mouth is open."""
    who, mood, look = view.face.identity, view.face.expression, view.face.look
    reach = who.mouth_width * (1.0 + 0.15 * mood.smile)
    window = feature_window(view, 0.0, who.mouth_y + 0.04, (reach * 1.3, 0.30))
    if window is None:
        return
    shift_x, shift_y = view.lifted(0.05)
    x = (view.hx[window.plane] - shift_x) * (1.0 / reach)
    bend = 0.06 * mood.smile
    y = view.hy[window.plane] - shift_y - who.mouth_y + bend * (x * x - 0.25)
    arc = np.maximum(1.0 - x * x, -0.2)
    arc2 = np.maximum(arc, 0.0)
    drop = (0.16 * mood.mouth_open) * arc2
    bow = 0.28 * bump(x * x * 16.0)
    upper = y + who.upper_lip * arc * (1.0 + 0.2 * arc2 - bow)
    lower = who.lower_lip * arc * (0.4 + 0.6 * arc2) + drop - y
    under, shine = image[window.picture], light[window.picture]
    lips = coverage(np.minimum(upper, lower), softness=1.6) * (0.72 + 0.28 * look.makeup)
    blend(under, color(*who.lip_color) * shine * (0.86 + 1.6 * np.clip(y, 0.0, 0.12)), lips)
    gap = np.minimum(y + 0.004, drop - y)
    if mood.mouth_open > 0.02:
        inside = coverage(gap)
        teeth = color(0.70, 0.66, 0.58) * np.clip(shine, 0.1, 0.95)
        teeth = teeth * (1.0 - 0.30 * x * x) * smoothstep(0.085, 0.045, y)
        blend(under, teeth + color(0.05, 0.012, 0.012), inside)
    line = y * (1.0 / 0.014)
    under *= 1.0 - 0.62 * bump(line * line) * np.clip(arc * 3.0 + 0.25, 0.0, 1.0)
    corner = (np.abs(x) - 1.0) * (1.0 / 0.13)
    under *= 1.0 - 0.35 * bump(corner * corner + (y * y) * (1.0 / 0.03**2))
