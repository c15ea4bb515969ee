"""What an image looks like whatever it shows: brightness, colors, and how its neighbors differ."""

import cv2
import numpy as np
from numpy.typing import NDArray

_SCALES = 3  # each of half the size of the one before
_FLOOR = 0.02  # of 255: below it nothing is left but rounding


def describe_appearance(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 60 numbers of an RGB image, ``(S, S, 3)``.

    Of luma and the two color differences: the mean and deviation, and on each of three scales the
    logarithm of the mean size of the differences to the next pixel across, down, and of both
    (second order), and how much larger their root mean square is. Cameras, screens, painting and
    compression differ in them; the content of a picture moves them little (the rich models of
    Fridrich and Kodovsky 2012 go further).
    """
    planes = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    levels = np.array([cv2.meanStdDev(plane) for plane in planes])[..., 0, 0]
    found = [*(levels.T / 255.0)]
    for scale in range(_SCALES):
        if scale:
            height, width = planes[0].shape
            half = (max(width // 2, 4), max(height // 2, 4))
            planes = [cv2.resize(one, half, interpolation=cv2.INTER_AREA) for one in planes]
        sizes = np.array([_measure_differences(plane) for plane in planes])  # (3, 3, 2)
        mean = sizes[..., 0].T
        deviation = np.sqrt(np.maximum(sizes[..., 1].T - mean**2, 0.0))
        size = mean + _FLOOR
        spread = 0.5 * np.log1p((deviation / size) ** 2)
        found += [*np.stack([np.log(size), spread], axis=1).reshape(-1, 3)]
    return np.concatenate(found).astype(np.float32)


def _measure_differences(plane: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Return the mean of the absolute and of the squared differences: across, down, of both."""
    wide = plane.astype(np.int16)
    across = cv2.subtract(wide[:, 1:], wide[:, :-1])
    differences = (
        cv2.absdiff(plane[:, 1:], plane[:, :-1]),
        cv2.absdiff(plane[1:], plane[:-1]),
        cv2.absdiff(across[1:], across[:-1]),  # cv2.norm of the two is wrong (OpenCV 5.0.0)
    )
    return [
        (cv2.norm(one, cv2.NORM_L1) / one.size, cv2.norm(one, cv2.NORM_L2SQR) / one.size)
        for one in differences
    ]
