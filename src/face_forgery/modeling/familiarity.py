"""Which images are like those that a detector was trained and validated on, and which are not.

An image is unfamiliar where what it looks like (`data.images.appearance`) lies farther from the
mean of the training images than all but a given proportion of validation images do. The distance is
Mahalanobis', with the covariance of training images shrunk towards a multiple of the identity
(Ledoit and Wolf 2004); the threshold is that of split-conformal prediction (Vovk et al. 2005).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
NUM_FEATURES = 60  # of `describe_appearance`; its module imports OpenCV
UNFAMILIAR = "unfamiliar"  # of an image that has a score and no verdict


@dataclass(frozen=True)
class Familiarity:
    """Where images begin to be unfamiliar, what that promises, and what was measured there."""

    threshold: float  # a distance, as `AppearanceModel.distances` measures it
    promised: float  # proportion of new images like the validation images that lie beyond, at most
    num_images: int  # that the threshold comes from
    measured: float | None  # proportion of other validation images beyond; None: there are none
    num_measured: int

    def __post_init__(self) -> None:
        """Refuse a threshold that no distance has: a file may say anything."""
        if not (math.isfinite(self.threshold) and self.threshold > 0):
            raise ValueError(f"threshold={self.threshold} is not a positive number")


class AppearanceModel(NamedTuple):
    """The appearance of training images, as a mean and what whitens differences from it."""

    mean: Values  # (F,)
    whitening: Values  # (F, F)

    def distances(self, appearances: NDArray[np.float32]) -> Values:
        """Return how far ``appearances``, ``(N, F)``, lie from the mean, ``(N,)``; about 1 inside.

        Mahalanobis' distance over the root of F.
        """
        white = (appearances.astype(np.float64) - self.mean) @ self.whitening.T
        distances: Values = np.sqrt((white**2).mean(axis=1))
        return distances

    @classmethod
    def checked(cls, mean: Values, whitening: Values) -> "AppearanceModel":
        """Return the model of arrays from a file.

        Raises:
            ValueError: If their shapes or numbers are not those of a model.
        """
        shapes = [(NUM_FEATURES,), (NUM_FEATURES, NUM_FEATURES)]
        if [mean.shape, whitening.shape] != shapes or not (
            np.isfinite(mean).all() and np.isfinite(whitening).all()
        ):
            raise ValueError(f"expected finite numbers of shapes {shapes}")
        return cls(mean.astype(np.float64), whitening.astype(np.float64))


def choose_threshold(calibration: Values, verification: Values, *, rate: float) -> Familiarity:
    """Return the threshold that a proportion ``rate`` of new images exceeds, at most.

    ``calibration`` are distances of N images like those to come; of N + 1 exchangeable ones the new
    one is among the ``k`` largest with probability ``k / (N + 1)`` at most. Where N is so small
    that not even the largest distance promises ``rate``, it is the threshold, and promises less.
    ``verification`` are distances of images that the threshold does not come from; may be empty.
    """
    num_beyond = math.floor((len(calibration) + 1) * rate)
    largest = np.sort(calibration)[::-1]
    threshold = float(largest[max(num_beyond, 1) - 1])
    return Familiarity(
        threshold=threshold,
        promised=max(num_beyond, 1) / (len(calibration) + 1),
        num_images=len(calibration),
        measured=float((verification > threshold).mean()) if len(verification) else None,
        num_measured=len(verification),
    )
