"""Light on surfaces: one lamp, a sky, a soft terminator as skin has it, and a highlight."""

import numpy as np

from face_forgery.forgery.rendering.face_parameters import Face
from face_forgery.forgery.rendering.fields import Plane, bump, smoothstep, value_noise
from face_forgery.forgery.rendering.geometry import View

Direction = tuple[float, float, float]
Normal = tuple[Plane, Plane, Plane]

_WRAP = (0.42, 0.28, 0.22)  # red light travels farthest under skin


def lit(face: Face, light: Direction, normal: Normal, occlusion: Plane | float = 1.0) -> Plane:
    """Return the light that a surface sends back, ``(3, H, W)``; multiply it by the albedo.

    ``light`` is the unit vector to the lamp, in the axes of the unit ``normal``; ``occlusion`` 1
    where nothing stands in the way, 0 in a deep fold.
    """
    facing = normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]
    sky = (face.ambient * (0.85 - 0.25 * normal[1])) * occlusion
    planes = np.empty((3, *facing.shape), dtype=np.float32)
    strength = 1.22 - face.ambient
    for channel in range(3):
        wrap = _WRAP[channel]
        direct = np.maximum((facing + wrap) * (1.0 / (1.0 + wrap)), 0.0)
        planes[channel] = sky + (strength * face.light_color[channel]) * direct * occlusion
    return planes


def highlight(light: Direction, normal: Normal, sharpness: int) -> Plane:
    """Return the mirror-like part of the light in [0, 1]: ``(n . h) ** (2 ** sharpness)``."""
    hx, hy, hz = light[0], light[1], light[2] + 1.0
    length = (hx * hx + hy * hy + hz * hz) ** 0.5
    along = (normal[0] * hx + normal[1] * hy + normal[2] * hz) * (1.0 / length)
    value: Plane = np.maximum(along, 0.0)
    for _ in range(sharpness):
        value = value * value
    return value


def skin_normal(view: View, relief: Plane) -> Normal:
    """Return the head's normal after the relief (head units) has been laid over it."""
    along_y, along_x = np.gradient(relief)
    cos, sin = view.roll
    x = view.normal[0] - (along_x * cos + along_y * sin) * view.unit
    y = view.normal[1] - (along_y * cos - along_x * sin) * view.unit
    z = view.normal[2] + np.float32(0.05)
    length = 1.0 / np.sqrt(x * x + y * y + z * z)
    return (x * length, y * length, z * length)


def face_relief(view: View) -> Plane:
    """Return the height of nose, brows, cheeks, lips, chin and folds above the head's surface."""
    relief: Plane = np.zeros_like(view.x)
    face = view.face
    for side in (-1.0, 1.0):
        _add_hill(view, relief, (side * 0.40, 0.24), (0.27, 0.23), face.cheekbones * 1.5)
        _add_hill(view, relief, (side * face.eye_x, face.eye_y - 0.03), (0.25, 0.17), -0.075)
        _add_hill(view, relief, (side * face.eye_x, face.brow_y - 0.01), (0.27, 0.11), 0.035)
        _add_hill(view, relief, (side * face.eye_x, face.eye_y), (face.eye_width, 0.11), 0.045)
    _add_hill(view, relief, (0.0, 0.86), (0.22, 0.15), 0.055)
    _add_hill(view, relief, (0.0, face.mouth_y + 0.13), (0.24, 0.07), -0.035)
    _add_lips(view, relief)
    _add_nose(view, relief)
    _add_folds(view, relief)
    return relief


_Pair = tuple[float, float]


def _add_hill(view: View, relief: Plane, middle: _Pair, radii: _Pair, height: float) -> None:
    at = view.window(*middle, *radii)
    x = (view.hx[at] - middle[0]) * (1.0 / radii[0])
    y = (view.hy[at] - middle[1]) * (1.0 / radii[1])
    relief[at] += height * bump(x * x + y * y)


def _add_lips(view: View, relief: Plane) -> None:
    face = view.face
    drop = 0.10 * face.mouth_open
    upper = face.mouth_y - 0.5 * face.upper_lip
    _add_hill(view, relief, (0.0, upper), (face.mouth_width, 0.06), 0.03)
    lower = face.mouth_y + 0.5 * face.lower_lip + drop
    _add_hill(view, relief, (0.0, lower), (face.mouth_width * 0.85, 0.07), 0.045)


def _add_nose(view: View, relief: Plane) -> None:
    face = view.face
    root, tip = face.eye_y - 0.10, face.nose_y
    at = view.window(0.0, (root + tip) / 2, 0.32, (tip - root) / 2 + 0.12)
    shift_x, shift_y = view.lifted(face.nose_depth * 0.8)
    part = np.clip((view.hy[at] - root) * (1.0 / (tip - root)), 0.0, 1.2)
    x = view.hx[at] - shift_x * part
    y = view.hy[at] - shift_y * part
    width = 0.055 + (0.75 * face.nose_width - 0.03) * part
    ridge = bump((x / width) * (x / width)) * (0.05 + face.nose_depth * part)
    ending = smoothstep(tip + 0.07, tip - 0.03, y) * smoothstep(root - 0.08, root + 0.10, y)
    height = ridge * ending
    for side in (-1.0, 1.0):
        wing_x = (x - side * face.nose_width * 0.72) * (1.0 / (face.nose_width * 0.55))
        wing_y = (y - tip + 0.005) * (1.0 / 0.075)
        height = np.maximum(height, 0.085 * bump(wing_x * wing_x + wing_y * wing_y))
    relief[at] += height


def _add_folds(view: View, relief: Plane) -> None:
    """Carve the lines of age: beside the mouth, over the brows, beside the eyes."""
    face, age = view.face, view.face.age
    depth = 0.010 + 0.040 * age + 0.015 * max(view.face.smile, 0.0)
    for side in (-1.0, 1.0):
        at = view.window(side * 0.27, 0.42, 0.2, 0.24)
        x, y = view.hx[at] * side, view.hy[at]
        start, end = face.nose_y - 0.02, face.mouth_y + 0.06
        part = np.clip((y - start) * (1.0 / (end - start)), -0.3, 1.3)
        line = (x - (face.nose_width + 0.05 + 0.15 * part * (1.3 - 0.3 * part))) * (1.0 / 0.05)
        relief[at] -= depth * bump(line * line) * bump((part - 0.5) * (part - 0.5) * 2.0)
        _add_hill(view, relief, (side * face.eye_x, face.eye_y + 0.15), (0.15, 0.03), -0.03 * age)
    if age > 0.3:
        at = view.window(0.0, -0.42, 0.5, 0.14)
        x, y = view.hx[at], view.hy[at]
        for k, height in enumerate((-0.36, -0.42, -0.48)):
            line = (y - height - 0.06 * x * x - 0.01 * k * x) * (1.0 / 0.022)
            relief[at] -= (0.028 * (age - 0.3)) * bump(line * line) * bump(x * x * 5.0)


def skin_texture(view: View, rng: np.random.Generator) -> Plane:
    """Return the fine variation of the skin, ``(H, W)`` around 1: pores and blotches."""
    shape = (view.size, view.size)
    pores = value_noise(rng, shape, (80, 80)) + 0.7 * value_noise(rng, shape, (47, 47))
    blotches = value_noise(rng, shape, (13, 13))
    contrast: float = view.face.pores
    return 1.0 + contrast * pores + 0.035 * blotches


def feature_window(
    view: View, x: float, y: float, radii: tuple[float, float]
) -> tuple[slice, slice] | None:
    """Return rows and columns around a feature, or None where it lies outside of the image."""
    window = view.window(x, y, *radii)
    return window if all(part.stop - part.start >= 2 for part in window) else None
