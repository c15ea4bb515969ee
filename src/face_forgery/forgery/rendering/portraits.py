"""A face as an image: drawn before the camera, and as a portrait that a camera took."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.making.kinds import Portrait
from face_forgery.forgery.making.landmarks import Points, face_size
from face_forgery.forgery.rendering import painting
from face_forgery.forgery.rendering.camera import expose, sample_camera
from face_forgery.forgery.rendering.face_parameters import Face, sample_face
from face_forgery.forgery.rendering.fields import Plane, bump, color, stream
from face_forgery.forgery.rendering.geometry import View
from face_forgery.forgery.rendering.shading import (
    face_relief,
    highlight,
    lit,
    skin_normal,
    skin_texture,
)

_PORTRAIT_SIZE = 320  # pixels, before the crop
_CROP = 2.9  # of the face's size, from its middle to every side


@dataclass(frozen=True)
class RenderedFace:
    """A face before the camera."""

    image: Plane  # (3, H, W) float32 in [0, 1], as displayed (square root of linear light)
    landmarks: Points  # (68, 2) in pixels, see making.landmarks

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The image as ``(H, W, 3)``."""
        return np.ascontiguousarray(np.rint(self.image * 255.0).astype(np.uint8).transpose(1, 2, 0))

    @property
    def portrait(self) -> Portrait:
        """What can be forged."""
        return Portrait(self.pixels, self.landmarks)


def render(face: Face, size: int) -> RenderedFace:
    """Draw a face; everything scales with ``size``, pixels of each side, at least 32."""
    view = View(face, size)
    rng = stream(face.texture_seed)
    texture = painting.strands(view, rng)
    image = painting.paint_backdrop(view)
    painting.paint_back_hair(view, image, texture)
    painting.paint_body(view, image)
    painting.paint_ears(view, image)
    _paint_head(view, image, rng)
    painting.paint_hair(view, image, texture)
    painting.paint_glasses(view, image)
    displayed = np.sqrt(np.clip(image, 0.0, 1.0))
    return RenderedFace(displayed, view.landmarks())


def draw_portraits(number: int, *, seed: int) -> list[Portrait]:
    """Draw close-ups of faces that belong to nobody, with their 68 landmarks."""
    portraits = []
    for index in range(number):
        rng = stream(seed, index)
        drawn = render(sample_face(rng), _PORTRAIT_SIZE)
        pixels = expose(drawn.image, sample_camera(rng), rng)
        portraits.append(_crop(Portrait(pixels, drawn.landmarks)))
    return portraits


def _crop(portrait: Portrait) -> Portrait:
    """Cut the square around the face, moved to lie within the image."""
    height, width = portrait.pixels.shape[:2]
    middle = portrait.landmarks.mean(axis=0)
    side = min(round(2 * _CROP * face_size(portrait.landmarks)), height, width)
    left, top = np.clip(np.rint(middle - side / 2), 0, (width - side, height - side)).astype(int)
    pixels = portrait.pixels[top : top + side, left : left + side].copy()
    return Portrait(pixels, portrait.landmarks - (left, top))


def _paint_head(view: View, image: Plane, rng: np.random.Generator) -> None:
    normal = skin_normal(view, face_relief(view))
    light = lit(view.face, view.light, normal)
    albedo = color(*view.face.skin) * skin_texture(view, rng)
    for side in (-1.0, 1.0):
        at = view.window(side * 0.42, 0.28, 0.28, 0.22)
        x, y = (view.hx[at] - side * 0.42) * (1 / 0.28), (view.hy[at] - 0.28) * (1 / 0.22)
        blush = bump(x * x + y * y)
        albedo[1][at] *= 1.0 - 0.16 * blush
        albedo[2][at] *= 1.0 - 0.14 * blush
    head = albedo * light
    head += highlight(view.light, normal, 4) * np.float32(0.11) * light[1]
    painting.paint_beard(view, head, light, rng)
    painting.paint_mouth(view, head, light)
    painting.paint_nostrils(view, head)
    painting.paint_eyes(view, head, light)
    painting.paint_brows(view, head, light, rng)
    image += (head - image) * view.skin
