"""Scores to verdicts."""

import numpy as np
from numpy.typing import NDArray

from face_forgery.modeling.detector import Detector, DetectorError, OperatingPoints

VERDICTS = ("real", "fake", "unsure")


def operating_points_of(detector: Detector) -> OperatingPoints:
    """Return the detector's operating points.

    Raises:
        DetectorError: If it has none: nobody has measured yet what its scores mean.
    """
    if detector.operating_points is None:
        raise DetectorError(
            "the detector has no operating points, so its scores cannot become verdicts; choose "
            "them on the validation images: kedro run --pipeline evaluation"
        )
    return detector.operating_points


def decide(scores: NDArray[np.float64], points: OperatingPoints) -> NDArray[np.str_]:
    """Return a verdict for each score.

    Args:
        scores: ``(N,)`` in [0, 1], the probability of forgery.
        points: ``score >= fake_threshold`` is fake, ``score < real_threshold`` real.

    Returns:
        ``(N,)`` of ``real``, ``fake`` and, between the thresholds, ``unsure``.

    Raises:
        ValueError: If a score is NaN.
    """
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} of {scores.size} scores are NaN")
    fake, real = scores >= points.fake_threshold, scores < points.real_threshold
    return np.select([fake, real], ["fake", "real"], default="unsure")
