"""Everything around the head: backdrop, neck, clothes, ears."""

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
from face_forgery.forgery.rendering.geometry import View
from face_forgery.forgery.rendering.shading import feature_window, lit


def paint_backdrop(view: View) -> Plane:
    """Return the picture's background, ``(3, H, W)`` linear light, brighter towards the lamp."""
    scene, size = view.face.scene, view.size
    rng = stream(scene.texture)
    steps = ((np.arange(size, dtype=np.float64) + 0.5) / size * 2.0 - 1.0).astype(np.float32)
    x, y = steps[None, :], steps[:, None]
    first, second = color(*scene.backdrop_colors[0]), color(*scene.backdrop_colors[1])
    if scene.backdrop == "studio":
        mix = bump((x * x + y * y) * 0.35)
    elif scene.backdrop == "wall":
        slope, sharp = 2.0 * rng.random() - 1.0, 0.02 + 0.5 * rng.random()
        mix = smoothstep(-sharp, sharp, x + slope * y + (2.0 * rng.random() - 1.0))
    elif scene.backdrop == "nature":
        noise = value_noise(rng, (size, size), (6, 6)) + 0.6 * value_noise(
            rng, (size, size), (15, 15)
        )
        mix = np.clip(0.5 + 0.5 * noise + 0.3 * y, 0.0, 1.0)
    else:
        mix = 0.5 + 0.3 * y + 0.0 * x
    image = first + (second - first) * mix
    if scene.backdrop == "bokeh":
        _add_spots(image, rng, x, y)
    lamp = scene.light
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
    who, scene = view.face.identity, view.face.scene
    size, unit = view.size, view.unit
    steps = np.arange(size, dtype=np.float64) + 0.5
    chin = view.to_pixels([(0.0, 0.75)])[0]
    middle = 0.5 * float(chin[0]) + 0.5 * view.center[0]
    x = ((steps - middle) / unit).astype(np.float32)[None, :]
    y = ((steps - view.center[1]) / unit).astype(np.float32)[:, None]
    neck = who.width * 0.62
    half = neck + 0.9 * smoothstep(1.02, 1.5, y) * smoothstep(1.02, 1.5, y)
    inside = half * half - x * x
    mask = coverage(inside + 0.0 * y) * smoothstep(0.3, 0.4, y)
    round_x = np.clip(x / np.sqrt(half * half + 0.01), -1.0, 1.0)
    depth = np.sqrt(np.maximum(1.0 - round_x * round_x, 0.0))
    normal = (round_x, np.full_like(round_x, -0.1), depth)
    lamp = scene.light
    shade_x, shade_y = x + 0.25 * lamp[0], y - 0.86 - 0.12 * max(-lamp[1], 0.0)
    shadow = bump(shade_x * shade_x * 2.2 + shade_y * shade_y * 5.0)
    light = lit(scene, lamp, normal, 1.0 - 0.55 * shadow)
    blend(image, color(*who.skin) * light, mask)
    shoulders = np.minimum(inside, y - 1.13 - 0.16 * bump(x * x * 4.0))
    weave = 1.0 + 0.10 * value_noise(stream(scene.texture, 1), (size, size), (45, 45))
    blend(image, color(*scene.clothes) * light * weave, coverage(shoulders))


def paint_ears(view: View, image: Plane) -> None:
    """Paint the ears; the one on the far side hides when the head turns."""
    who, pose = view.face.identity, view.face.pose
    for side in (-1.0, 1.0):
        turned = side * pose.yaw  # > 0: this ear comes towards the camera
        middle_x = side * (who.width * 0.99 - 0.16 * max(-turned, 0.0) - 0.05 * max(turned, 0.0))
        middle_y = 0.06 - 0.25 * pose.pitch
        window = feature_window(view, middle_x, middle_y, (0.45, who.ear_size * 1.6))
        if window is None:
            continue
        x = (view.x[window.plane] - middle_x - 0.02 * side) * (
            1.0 / (0.085 + 0.05 * max(turned, 0.0))
        )
        y = (view.y[window.plane] - middle_y) * (1.0 / who.ear_size)
        x = x - 0.35 * side * (-y)
        radius = x * x + y * y
        depth = np.sqrt(np.maximum(1.0 - 0.8 * radius, 0.05))
        normal = (0.6 * x + 0.3 * side, 0.5 * y, depth * 0.7)
        hollow = 1.0 - 0.45 * bump(radius * 2.2)
        light = lit(view.face.scene, view.light, normal, hollow)
        blend(
            image[window.picture],
            color(*who.skin) * light * color(1.0, 0.86, 0.84),
            coverage(1.0 - radius),
        )
