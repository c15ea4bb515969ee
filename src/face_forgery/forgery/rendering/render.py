"""A face as a picture: everything before the camera."""

from dataclasses import dataclass

import numpy as np

from face_forgery.forgery.rendering.drawn_face import Face
from face_forgery.forgery.rendering.facial_features import (
    paint_brows,
    paint_eyes,
    paint_mouth,
    paint_nostrils,
)
from face_forgery.forgery.rendering.fields import Plane, bump, color, stream
from face_forgery.forgery.rendering.geometry import Landmarks, View
from face_forgery.forgery.rendering.hair import (
    paint_back_hair,
    paint_beard,
    paint_glasses,
    paint_hair,
    strands,
)
from face_forgery.forgery.rendering.shading import (
    face_relief,
    highlight,
    lit,
    skin_normal,
    skin_texture,
)
from face_forgery.forgery.rendering.surroundings import paint_backdrop, paint_body, paint_ears


@dataclass(frozen=True)
class Picture:
    """A picture of one face, with what is known about it.

    Attributes:
        image: ``(3, H, W)`` float32 in [0, 1], as displayed (square root of linear light).
        landmarks: Points of the face in pixels.
        face: ``(H, W)`` float32 in [0, 1]: how much of each pixel the head covers.
    """

    image: Plane
    landmarks: Landmarks
    face: Plane


def render(face: Face, size: int) -> Picture:
    """Draw a face.

    Args:
        face: What to draw.
        size: Pixels of each side, at least 32. Everything scales with it.
    """
    view = View(face, size)
    rng = stream(face.identity.texture)
    texture = strands(view, rng)
    image = paint_backdrop(view)
    paint_back_hair(view, image, texture)
    paint_body(view, image)
    paint_ears(view, image)
    _paint_head(view, image, rng)
    paint_hair(view, image, texture)
    paint_glasses(view, image)
    displayed = np.sqrt(np.clip(image, 0.0, 1.0))
    return Picture(displayed, view.landmarks(), view.skin)


def _paint_head(view: View, image: Plane, rng: np.random.Generator) -> None:
    who, scene = view.face.identity, view.face.scene
    normal = skin_normal(view, face_relief(view))
    light = lit(scene, view.light, normal)
    albedo = color(*who.skin) * skin_texture(view, rng)
    for side in (-1.0, 1.0):
        at = view.window(side * 0.42, 0.28, 0.28, 0.22).plane
        x, y = (view.hx[at] - side * 0.42) * (1 / 0.28), (view.hy[at] - 0.28) * (1 / 0.22)
        blush = bump(x * x + y * y)
        albedo[1][at] *= 1.0 - 0.16 * blush
        albedo[2][at] *= 1.0 - 0.14 * blush
    head = albedo * light
    head += highlight(view.light, normal, 4) * np.float32(0.11) * light[1]
    paint_beard(view, head, light, rng)
    paint_mouth(view, head, light)
    paint_nostrils(view, head)
    paint_eyes(view, head, light)
    paint_brows(view, head, light, rng)
    image += (head - image) * view.skin
