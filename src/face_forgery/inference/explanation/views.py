"""What a person looks at to tell a forgery: details, light, noise, compression, repetition.

None of these uses the detector. They show; the reader judges.
"""

import io
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_forgery.inference.explanation.regions import REGIONS, Landmarks, label_regions

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64] | None  # (H, W) of `label_regions`; ``None``: no face was found

_DETAIL_SIDE = 480  # pixels of an enlarged detail
_ELA_QUALITY = 90
_BLOCK = 16  # pixels; what repeats is looked for in blocks of this side
_FLAT = 4.0  # standard deviation below which a block repeats by having nothing in it


class View(NamedTuple):
    """An image made of the face, and how to read it."""

    title: str
    image: Pixels  # (h, w, 3)
    reading: str


def make_views(pixels: Pixels, landmarks: Landmarks | None) -> list[View]:
    """Return every view of an image, ``(H, W, 3)``, with ``landmarks`` as `label_regions` takes.

    ``None``: no face was found, and none is spoken of.
    """
    height, width = pixels.shape[:2]
    labels = None if landmarks is None else label_regions(height, width, landmarks)
    return [
        *([] if landmarks is None else enlarge_details(pixels, landmarks)),
        compare_light(pixels, labels),
        show_noise(pixels, labels),
        show_error_levels(pixels, labels),
        find_repetition(pixels),
    ]


def enlarge_details(pixels: Pixels, landmarks: Landmarks) -> list[View]:
    """Show eyes and mouth enlarged."""
    points = np.array(landmarks)
    unit = max(float(np.hypot(*(points[1] - points[0]))), 1.0)
    eyes = _crop(pixels, points[:2].mean(axis=0), 2.1 * unit, 0.8 * unit)
    mouth = _crop(pixels, points[3:].mean(axis=0), 1.5 * unit, 0.9 * unit)
    of_eyes = (
        "Do both eyes look the same way? Are the reflections in them alike, the irises round, the "
        "lashes and the rims of glasses unbroken?"
    )
    of_mouth = (
        "Are the teeth separate, the lips sharp along their whole edge, and the skin around them "
        "as grainy as the cheeks?"
    )
    return [View("Eyes, enlarged", eyes, of_eyes), View("Mouth, enlarged", mouth, of_mouth)]


def compare_light(pixels: Pixels, labels: Labels) -> View:
    """Show brightness without detail, and compare the sides of face and background."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    smooth = cv2.GaussianBlur(grey, (0, 0), max(1.0, 0.05 * grey.shape[1]))
    banded = (smooth // 16 * 16).astype(np.uint8)
    image = np.asarray(cv2.applyColorMap(banded, cv2.COLORMAP_CIVIDIS)[..., ::-1], np.uint8)
    compared = ""
    if labels is not None:
        parts = [REGIONS.index(name) for name in ("eyes", "nose", "mouth", "skin")]
        face = _compare_sides(grey, np.isin(labels, parts))
        behind = _compare_sides(grey, labels == REGIONS.index("background"))
        compared = f"The face is {face}, the background {behind}. "
    return View(
        "Light",
        image,
        f"{compared}Light from one side makes shadows on the other everywhere; a face that was put "
        "in keeps the light of its own image.",
    )


def show_noise(pixels: Pixels, labels: Labels) -> View:
    """Show what is left when everything smooth is taken away."""
    residual = pixels.astype(np.float32) - cv2.medianBlur(pixels, 3).astype(np.float32)
    image = np.clip(128 + 6 * residual, 0, 255).astype(np.uint8)
    return View(
        "Noise",
        image,
        f"{_compare_regions(np.abs(residual).mean(axis=2), labels, 'grain')}A camera leaves the "
        "same grain everywhere; a patch that is smoother or coarser than its surroundings was "
        "treated apart.",
    )


def show_error_levels(pixels: Pixels, labels: Labels) -> View:
    """Show what saving as JPEG once more changes."""
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "JPEG", quality=_ELA_QUALITY)
    change = np.abs(pixels.astype(np.int16) - np.asarray(Image.open(stored), np.int16))
    image = np.clip(change * 12, 0, 255).astype(np.uint8)
    return View(
        "Error levels",
        image,
        f"{_compare_regions(change.mean(axis=2), labels, 'change')}What was saved more often "
        "changes less when it is saved again; compare edges with edges and skin with skin, not "
        "one with the other.",
    )


def find_repetition(pixels: Pixels) -> View:
    """Mark blocks that occur twice."""
    repeated = _mark_repeated(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    image = (pixels.astype(np.float32) * 0.45 + 120).astype(np.uint8)
    image[repeated] = (image[repeated] * 0.4 + np.array((213, 94, 0)) * 0.6).astype(np.uint8)
    found = (
        f"{max(repeated.mean(), 0.001):.1%} of the image occurs again elsewhere in it (colored)."
        if repeated.any()
        else f"No block of {_BLOCK} x {_BLOCK} pixels occurs twice."
    )
    return View(
        "Repetition",
        image,
        f"{found} Copied parts repeat to the pixel; lines of the background that break or bend at "
        "the outline of the head are the other thing to look for.",
    )


def _crop(pixels: Pixels, center: NDArray[np.float64], width: float, height: float) -> Pixels:
    x, y = center
    left, right = max(0, int(x - width / 2)), min(pixels.shape[1], int(x + width / 2) + 1)
    top, bottom = max(0, int(y - height / 2)), min(pixels.shape[0], int(y + height / 2) + 1)
    detail = pixels[min(top, pixels.shape[0] - 1) : max(bottom, 1), left : max(right, 1)]
    size = (_DETAIL_SIDE, max(1, round(detail.shape[0] * _DETAIL_SIDE / detail.shape[1])))
    return np.asarray(cv2.resize(detail, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)


def _compare_sides(grey: NDArray[np.float32], inside: NDArray[np.bool_]) -> str:
    columns = np.flatnonzero(inside.any(axis=0))
    if not columns.size:
        return "not in the image"
    is_left = np.arange(grey.shape[1]) < columns.mean()
    left, right = inside & is_left, inside & ~is_left
    if not (left.any() and right.any()):
        return "on one side of the image only"
    difference = float(grey[left].mean() / max(float(grey[right].mean()), 1.0) - 1)
    if abs(difference) < 0.05:
        return "as bright on the left as on the right"
    return f"{abs(difference):.0%} brighter on the {'left' if difference > 0 else 'right'}"


def _compare_regions(strength: NDArray[np.floating], labels: Labels, what: str) -> str:
    if labels is None:
        return ""
    inside = labels == REGIONS.index("skin")
    outside = labels == REGIONS.index("background")
    if not (inside.any() and outside.any()):
        return f"Face or background is missing, so their {what} cannot be compared. "
    ratio = float(strength[inside].mean() / max(float(strength[outside].mean()), 1e-6))
    return f"The skin shows {ratio:.2f} times the {what} of the background. "


def _mark_repeated(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark, ``(H, W)``, the blocks whose pixels occur again at least a block away.

    Blocks are compared by a random sum of their pixels without the two lowest bits. Two different
    ones share a sum by accident about once in 10^10 pairs.
    """
    marked = np.zeros(grey.shape, dtype=bool)
    if min(grey.shape) < _BLOCK:
        return marked
    values = (grey >> 2).astype(np.float64)
    weights = np.random.default_rng(0).integers(1, 2**28, (_BLOCK, _BLOCK)).astype(np.float64)
    half = _BLOCK // 2
    valid = tuple(slice(half, half + side - _BLOCK + 1) for side in grey.shape)
    sums = np.rint(cv2.filter2D(values, cv2.CV_64F, weights)[valid]).astype(np.int64)
    size = (_BLOCK, _BLOCK)
    mean = cv2.boxFilter(values, cv2.CV_64F, size)[valid]
    square = cv2.boxFilter(values * values, cv2.CV_64F, size)[valid]
    has_detail = np.sqrt(np.maximum(square - mean**2, 0)) * 4 > _FLAT
    tops, lefts = np.nonzero(has_detail)
    _, starts, same = np.unique(sums[has_detail], return_index=True, return_inverse=True)
    first = starts[same]
    apart = np.maximum(abs(tops - tops[first]), abs(lefts - lefts[first])) >= _BLOCK
    for block in np.flatnonzero(apart):
        for one in (block, first[block]):
            marked[tops[one] : tops[one] + _BLOCK, lefts[one] : lefts[one] + _BLOCK] = True
    return marked
