"""Face crops: upright squares around a box, and squares that are turned to a template.

Source of the template: five points in 112 x 112 pixels, by which Deng et al. 2019, ArcFace:
additive angular margin loss for deep face recognition, and after it DeepfakeBench align faces.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # left, top, width, height, in pixels
Points = Sequence[tuple[float, float]]

_TEMPLATE_SIDE = 112.0
# Right eye, left eye, tip of the nose, right and left corner of the mouth, of the person.
_TEMPLATE = np.array(
    [
        *(38.2946 + 51.6963j, 73.5318 + 51.5014j, 56.0252 + 71.7366j),
        *(41.5493 + 92.3655j, 70.7299 + 92.2041j),
    ]
)
_MOST_SIDES = 2.0  # of the longer side of an image: a crop that is larger shows no face of it


class Square(NamedTuple):
    """What is cut out, in pixels of the upright image.

    An upright one that `square_of` gives lies within the image. One that is turned, around its
    first corner, may reach beyond the edges; what is not there is black.
    """

    left: int
    top: int
    side: int
    angle: float = 0.0  # radians, clockwise

    @classmethod
    def of_row(cls, row: NDArray[np.generic]) -> "Square":
        """Return the square of a row of `face_table.squares_of`."""
        left, top, side, *angle = row.tolist()
        return cls(int(left), int(top), int(side), *angle)

    def locate(self, points: Iterable[tuple[float, float]]) -> NDArray[np.float64]:
        """Return where points ``(x, y)`` of the image lie in the crop, ``(N, 2)``."""
        x, y = (np.array(list(points), np.float64).reshape(-1, 2) - (self.left, self.top)).T
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.stack([cos * x + sin * y, cos * y - sin * x], axis=1)


def square_of(box: Box, margin: float, shape: tuple[int, ...]) -> Square:
    """Return the square around the middle of a face, moved and reduced to lie in its image.

    Its side is the longer side of the face's box plus ``margin`` of it on either side, at most the
    shorter side of the image: pixels that are not there would have to be invented. ``shape`` begins
    with the height and width of the image.
    """
    (face_left, face_top, face_width, face_height), (height, width) = box, shape[:2]
    side = max(1, min(round(max(face_width, face_height) * (1 + 2 * margin)), height, width))
    left = round(face_left + face_width / 2 - side / 2)
    top = round(face_top + face_height / 2 - side / 2)
    return Square(min(max(left, 0), width - side), min(max(top, 0), height - side), side)


def aligned_of(box: Box, landmarks: Points, margin: float, shape: tuple[int, ...]) -> Square:
    """Return the square in which five ``landmarks`` lie as they do in the template.

    Its side is that of the template plus ``margin`` of it on either side: a margin of 0.15 is the
    scale of 1.3 that DeepfakeBench and others cut at. Landmarks that no face of the image has (all
    in one point, or so far apart that twice the image would not hold the crop) say nothing: then it
    is `square_of`.

    Source: Umeyama 1991, Least-squares estimation of transformation parameters between two point
    patterns; in the plane, points as complex numbers, rotation and scale are one quotient.
    """
    points = np.array([complex(x, y) for x, y in landmarks])
    middle, center = points.mean(), _TEMPLATE.mean()
    spread = float((np.abs(points - middle) ** 2).sum())
    # template = center + turn * (point - middle), with the least squares of what is left
    turn = complex(((points - middle).conj() * (_TEMPLATE - center)).sum()) / (spread or math.inf)
    side = _TEMPLATE_SIDE * (1 + 2 * margin) / (abs(turn) or 1e-9)
    if not 1.0 <= side <= _MOST_SIDES * max(shape[:2]):
        return square_of(box, margin, shape)
    corner = middle + (-margin * _TEMPLATE_SIDE * (1 + 1j) - center) / turn
    angle = math.atan2(-turn.imag, turn.real)
    return Square(round(corner.real), round(corner.imag), round(side), angle)


def cut_square(pixels: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """Cut ``square`` out of ``pixels``, ``(H, W, 3)``, at their scale: an array of its own."""
    left, top, side, angle = square
    height, width = pixels.shape[:2]
    if angle == 0.0 and 0 <= left <= width - side and 0 <= top <= height - side:
        return pixels[top : top + side, left : left + side].copy()
    cos, sin = math.cos(angle), math.sin(angle)
    to_image = np.array([[cos, -sin, left], [sin, cos, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(pixels, to_image, (side, side), flags=flags), np.uint8)
