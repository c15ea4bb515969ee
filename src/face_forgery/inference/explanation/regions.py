"""The parts of a face, and how much of the evidence lies in each."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Landmarks = tuple[tuple[float, float], ...]

FULL_SCALE = 2.0  # log-odds of a part: from here on a map has the full color
REGIONS = ("eyes", "nose", "mouth", "skin", "contour", "background")


class RegionEvidence(NamedTuple):
    """How much of what speaks for a forgery lies in one part of a face."""

    proportion: float  # of the evidence, in [0, 1]; those of all regions add up to 1
    area: float  # of the image, in [0, 1]
    density: float  # proportion / area; above 1: more than its size alone would give it


def label_regions(height: int, width: int, landmarks: Landmarks) -> NDArray[np.int64]:
    """Return the region of every pixel, ``(H, W)``, as an index of ``REGIONS``.

    ``landmarks`` are five points (x, y) in pixels: the person's right eye, left eye, tip of the
    nose, right and left corner of the mouth. Sizes are taken from the distance of the eyes, after
    the proportions that drawing books teach.
    """
    right_eye, left_eye, nose, right_mouth, left_mouth = (np.array(point) for point in landmarks)
    eyes, mouth = (right_eye + left_eye) / 2, (right_mouth + left_mouth) / 2
    unit = max(float(np.hypot(*(left_eye - right_eye))), 1e-3)
    upright = np.array([-(left_eye - right_eye)[1], (left_eye - right_eye)[0]]) / unit
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(float)
    across, down = (left_eye - right_eye) / unit, upright

    def radius(center: NDArray[np.float64], wide: float, high: float) -> NDArray[np.float64]:
        """Distance from ``center`` in ellipses; 1 on the ellipse of these half axes."""
        offset = grid - center
        distance: NDArray[np.float64] = np.hypot(
            offset @ across / (wide * unit), offset @ down / (high * unit)
        )
        return distance

    outline = radius((eyes + mouth) / 2, 1.0, 1.35)
    labels = np.full((height, width), REGIONS.index("background"))
    labels[outline <= 1.2] = REGIONS.index("contour")
    labels[outline <= 0.85] = REGIONS.index("skin")
    labels[radius(eyes + 0.6 * (nose - eyes), 0.3, 0.45) <= 1] = REGIONS.index("nose")
    labels[radius(mouth, 0.55, 0.32) <= 1] = REGIONS.index("mouth")
    for eye in (right_eye, left_eye):
        labels[radius(eye, 0.38, 0.3) <= 1] = REGIONS.index("eyes")
    return labels


def measure_evidence(
    heat: NDArray[np.floating], labels: NDArray[np.int64]
) -> dict[str, RegionEvidence]:
    """Measure by region what speaks for a forgery: the part of ``heat``, ``(H, W)``, above 0.

    Returns:
        Region -> its evidence, the densest first; regions that are not in the image are left out.
        Where nothing speaks for a forgery, every proportion is 0.
    """
    positive = np.maximum(heat, 0).astype(float)
    total = positive.sum()
    found = {}
    for number, name in enumerate(REGIONS):
        inside = labels == number
        if inside.any():
            proportion = float(positive[inside].sum() / total) if total > 0 else 0.0
            area = float(inside.mean())
            found[name] = RegionEvidence(proportion, area, proportion / area)
    return dict(sorted(found.items(), key=lambda item: -item[1].density))
