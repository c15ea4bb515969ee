"""Where a head is in an image: pixel planes in head units, and landmarks in pixels.

The head is a surface of revolution around its vertical axis. Turning it moves features over the
surface, so that they foreshorten; the outline stays that of the surface.
"""

import math

import numpy as np
from numpy.typing import NDArray

from face_forgery.forgery.rendering.face_parameters import Face
from face_forgery.forgery.rendering.fields import Plane, coverage

Points = NDArray[np.float64]  # (N, 2): x to the right, y down, pixels; the corner pixel is at 0.5

_WIDEST = -0.12  # y at which the head is widest
# Points of an eye: x from its left (-1) to its right corner, and which lid, up < 0.
_LIDS = ((-1.0, 0.0), (-1 / 3, -1.0), (1 / 3, -1.0), (1.0, 0.0), (1 / 3, 0.62), (-1 / 3, 0.62))


class View:
    """A face seen in an image of ``size`` x ``size`` pixels.

    Attributes:
        unit: Pixels of one head unit.
        x, y: ``(H, W)`` position of each pixel in head units, before the head turns.
        depth: ``(H, W)`` height of the head's surface above the image; 0 outside.
        skin: ``(H, W)`` how much of each pixel the head covers.
        hx, hy: ``(H, W)`` position on the face of the surface point that each pixel shows.
        normal: Components x, y, z of the surface normal, each ``(H, W)``, in head axes.
        light: Direction to the lamp in head axes.
    """

    def __init__(self, face: Face, size: int) -> None:
        self.face, self.size = face, size
        self.unit = 0.355 * size * face.scale
        self.center = ((0.5 + face.shift[0]) * size, (0.475 + face.shift[1]) * size)
        self.roll = (math.cos(face.roll), math.sin(face.roll))
        self._yaw = (math.cos(face.yaw), math.sin(face.yaw))
        self._pitch = (math.cos(face.pitch), math.sin(face.pitch))

        steps = np.arange(size, dtype=np.float64) + 0.5
        across = ((steps - self.center[0]) / self.unit).astype(np.float32)[None, :]
        down = ((steps - self.center[1]) / self.unit).astype(np.float32)[:, None]
        cos, sin = self.roll
        self.x = across * np.float32(cos) + down * np.float32(sin)
        self.y = down * np.float32(cos) - across * np.float32(sin)
        lx, ly, lz = face.light
        self.light = (lx * cos + ly * sin, ly * cos - lx * sin, lz)

        squared, slope = squared_radius(face, self.y)
        inside = squared - self.x * self.x
        self.skin = coverage(inside)
        self.depth = np.sqrt(np.maximum(inside, 0.0))
        length = 1.0 / np.sqrt(self.x * self.x + 0.25 * slope * slope + self.depth**2 + 1e-6)
        self.normal = (self.x * length, -0.5 * slope * length, self.depth * length)
        self.hx = self.x * np.float32(self._yaw[0]) + self.depth * np.float32(self._yaw[1])
        self.hy = self.y * np.float32(self._pitch[0]) - self.depth * np.float32(self._pitch[1])

    def lifted(self, height: float) -> tuple[float, float]:
        """Return how far (head units, x and y) a point that high above the skin seems moved."""
        return (-height * self._yaw[1], height * self._pitch[1])

    def to_pixels(self, points: list[tuple[float, float]]) -> Points:
        """Return where points of the face (head units) are in the image, ``(N, 2)``."""
        return self._rolled([self._turned(hx, hy) for hx, hy in points])

    def _rolled(self, points: list[tuple[float, float]]) -> Points:
        """Return where points of the head before it turns are in the image, ``(N, 2)``."""
        (cos, sin), (left, top) = self.roll, self.center
        return np.array(
            [
                (left + self.unit * (x * cos - y * sin), top + self.unit * (x * sin + y * cos))
                for x, y in points
            ]
        )

    def _turned(self, hx: float, hy: float) -> tuple[float, float]:
        x, y = hx, hy
        for _ in range(4):  # the shift depends on where the point ends up
            radius2 = max(_squared_radius_at(self.face, y), hx * hx)
            forward = math.sqrt(radius2 - hx * hx)
            x = hx * self._yaw[0] - forward * self._yaw[1]
            depth = hx * self._yaw[1] + forward * self._yaw[0]
            y = (hy + max(depth, 0.0) * self._pitch[1]) / self._pitch[0]
        return x, y

    def window(
        self, x: float, y: float, half_width: float, half_height: float
    ) -> tuple[slice, slice]:
        """Return rows and columns around a point of the face (head units); maybe none."""
        middle = self.to_pixels([(x, y)])[0]
        cos, sin = abs(self.roll[0]), abs(self.roll[1])
        reach_x = self.unit * (half_width * cos + half_height * sin) + 1.5
        reach_y = self.unit * (half_width * sin + half_height * cos) + 1.5
        return (
            _pixel_range(middle[1], reach_y, self.size),
            _pixel_range(middle[0], reach_x, self.size),
        )

    def landmarks(self) -> Points:
        """Return the 68 points of the face as painted, as ``making.landmarks`` has them."""
        inside = self.to_pixels([*self._brows(), *self._nose(), *self._eyes(), *self._mouth()])
        return np.concatenate([self._contour(), inside]) - 0.5

    def _contour(self) -> Points:
        heights = [_WIDEST + (0.985 - _WIDEST) * (k / 8) * (2.0 - k / 8) for k in range(9)]
        radii = [math.sqrt(max(_squared_radius_at(self.face, y), 0.0)) for y in heights]
        left = [(-r, y) for r, y in zip(radii, heights, strict=True)]
        right = [(r, y) for r, y in zip(radii[:-1], heights[:-1], strict=True)]
        return self._rolled(left + right[::-1])

    def _brows(self) -> list[tuple[float, float]]:
        face = self.face
        brows = []
        for side in (-1.0, 1.0):
            for step in (-1.0, -0.5, 0.0, 0.5, 1.0):
                x = side * step  # -1 inner, 1 outer end
                rise = face.brow_arch * (1.0 - (x - 0.35) ** 2) + 0.05 * face.brow_raise
                rise += -0.02 * x + 0.012 * face.brow_raise * (1.0 - x)
                brows.append((side * (face.eye_x + 0.2 * x), face.brow_y - rise))
        return brows

    def _nose(self) -> list[tuple[float, float]]:
        face = self.face
        tip_x, tip_y = self.lifted(face.nose_depth * 0.8)
        below_x, below_y = self.lifted(face.nose_depth * 0.4)
        length = face.nose_y - face.eye_y
        bridge = [(tip_x * k / 3, face.eye_y + (length + tip_y) * k / 3) for k in range(4)]
        return bridge + [
            (below_x + side * face.nose_width, face.nose_y + 0.06 - 0.03 * abs(side) + below_y)
            for side in (-1.0, -0.5, 0.0, 0.5, 1.0)
        ]

    def _eyes(self) -> list[tuple[float, float]]:
        face = self.face
        height = face.eye_height * self.face.eyes_open
        eyes = []
        for side in (-1.0, 1.0):
            for x, lid in _LIDS:
                y = face.eye_y - face.eye_tilt * face.eye_width * side * x
                y += lid * height * (1.0 - x * x)
                eyes.append((side * face.eye_x + face.eye_width * x, y))
        return eyes

    def _mouth(self) -> list[tuple[float, float]]:
        face = self.face
        reach = face.mouth_width * (1.0 + 0.15 * face.smile)
        shift_x, shift_y = self.lifted(0.05)

        def at(x: float, upper: float, lower: float, opened: float) -> tuple[float, float]:
            arc = 1.0 - x * x
            bow = 0.28 * max(1.0 - 16.0 * x * x, 0.0) ** 2
            y = face.mouth_y - 0.06 * face.smile * (x * x - 0.25)
            y -= upper * face.upper_lip * arc * (1.0 + 0.2 * arc - bow)
            y += lower * face.lower_lip * arc * (0.4 + 0.6 * arc)
            y += opened * 0.16 * face.mouth_open * arc
            return shift_x + reach * x, shift_y + y

        outer, inner = (-1.0, -0.6, -0.25, 0.0, 0.25, 0.6, 1.0), (-0.85, -0.25, 0.0, 0.25, 0.85)
        return [
            *(at(x, 1.0, 0.0, 0.0) for x in outer),
            *(at(x, 0.0, 1.0, 1.0) for x in outer[-2:0:-1]),
            *(at(x, 0.0, 0.0, 0.0) for x in inner),
            *(at(x, 0.0, 0.0, 1.0) for x in inner[-2:0:-1]),
        ]


def squared_radius(face: Face, y: Plane) -> tuple[Plane, Plane]:
    """Return the squared half width of the head at height ``y`` (head units), and its slope.

    Both are polynomials of the height: an ellipse above the widest point; below it a mix of a
    square jaw (1 - t^4), a round one (1 - t^2) and a pointed one ((1 - t^2)^2).
    """
    t = (y - _WIDEST) * np.where(y > _WIDEST, 1.0 / (1.0 - _WIDEST), -1.0 / (1.0 + _WIDEST))
    t = t.astype(np.float32)
    below, t2 = y > _WIDEST, t * t
    round_, square, point = 1.0 - t2, 1.0 - t2 * t2, (1.0 - t2) * (1.0 - t2)
    rest = 1.0 - face.jaw_square - face.jaw_point
    jaw = face.jaw_square * square + rest * round_ + face.jaw_point * point
    slope = t * (4.0 * face.jaw_square * t2 + 2.0 * rest + 4.0 * face.jaw_point * round_)
    width2 = face.width * face.width
    down, up = -width2 / (1.0 - _WIDEST), width2 / (1.0 + _WIDEST)
    return width2 * np.where(below, jaw, round_), np.where(below, slope * down, t * (2.0 * up))


def _squared_radius_at(face: Face, y: float) -> float:
    """The same for one height."""
    below = y > _WIDEST
    t = (y - _WIDEST) / (1.0 - _WIDEST if below else 1.0 + _WIDEST)
    round_ = 1.0 - t * t
    rest = 1.0 - face.jaw_square - face.jaw_point
    jaw = face.jaw_square * (1.0 - t**4) + rest * round_ + face.jaw_point * round_ * round_
    squared: float = face.width * face.width * (jaw if below else round_)
    return squared


def _pixel_range(middle: float, reach: float, size: int) -> slice:
    low = min(max(int(middle - reach), 0), size)
    return slice(low, min(max(int(middle + reach) + 1, low), size))
