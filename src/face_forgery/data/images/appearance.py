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
    level = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    mean, deviation = cv2.meanStdDev(level)
    found = [mean.ravel() / 255.0, deviation.ravel() / 255.0]
    for scale in range(_SCALES):
        if scale:
            height, width = level.shape[:2]
            half = (max(width // 2, 4), max(height // 2, 4))
            level = cv2.resize(level, half, interpolation=cv2.INTER_AREA)
        across = cv2.absdiff(level[:, 1:], level[:, :-1])
        down = cv2.absdiff(level[1:], level[:-1])
        signed = cv2.subtract(level[:, 1:], level[:, :-1], dtype=cv2.CV_16S)
        both = cv2.absdiff(signed[1:], signed[:-1])
        for differences in (across, down, both):
            mean, deviation = (one.ravel() for one in cv2.meanStdDev(differences))
            size = mean + _FLOOR
            found += [np.log(size), 0.5 * np.log1p((deviation / size) ** 2)]
    return np.concatenate(found).astype(np.float32)
