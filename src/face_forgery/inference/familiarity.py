"""Learning what a detector's images look like: from those it was trained and validated on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from torch import Tensor

from face_forgery.data.images.appearance import describe_appearance
from face_forgery.data.images.resizing import PixelTransform
from face_forgery.data.loading.rng import seeded_torch
from face_forgery.data.loading.transforms import train_transform
from face_forgery.inference.reading import ImageReader, as_pixels, read_images
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.familiarity import (
    NUM_FEATURES,
    AppearanceModel,
    Familiarity,
    choose_threshold,
)
from face_forgery.params import AugmentationParams, PreprocessingParams

_MOST_IMAGES = 2000  # of each set; a covariance of 60 numbers changes little with more


class Learnt(NamedTuple):
    """What an image is compared with, and from where on it is unfamiliar."""

    appearance: AppearanceModel
    familiarity: Familiarity
    seen: pd.DataFrame  # training images: ``path``, ``target``, ``appearance``, ``(F,)``


def learn_familiarity(
    detector: Detector,
    train: pd.DataFrame,
    val: pd.DataFrame,
    root: str | Path,
    *,
    in_calibration: NDArray[np.bool_],
    rate: float,
    batch_size: int,
    num_workers: int,
    seed: int,
) -> Learnt:
    """Return what images of ``detector`` look like, and the threshold of those that do not.

    ``train`` and ``val`` are rows of manifests with paths below ``root``; of each at most
    2,000 images are drawn. Training images are looked at as they are scored and, where they were
    changed at random in training, changed in that way as well: what the detector was trained to
    bear is familiar. The threshold, which a proportion ``rate`` of new images exceeds at most,
    comes from the images ``in_calibration``, ``(len(val),)``, and is measured on the others.

    Raises:
        ImageError: If an image cannot be read.
    """
    changes = _training_changes(detector)
    changed = partial(_changed, changes, seed)
    reader = ImageReader.of(replace(detector, familiarity=None), min_size=1, is_labelled=True)

    def read(rows: pd.DataFrame) -> Iterator[Tensor]:
        paths = [Path(root) / path for path in rows["path"]]
        how = {"batch_size": batch_size, "num_workers": num_workers}
        return read_images(paths, reader, description="looking at images", **how)

    drawn, *halves = (
        rows.sample(min(len(rows), _MOST_IMAGES), random_state=seed)
        for rows in (train, val[in_calibration], val[~in_calibration])
    )
    described = _describe(one for pair in enumerate(read(drawn)) for one in changed(*pair))
    appearance = fit_appearance(described)
    calibration, verification = (appearance.distances(_describe(read(half))) for half in halves)
    plain = described if changes is None else described[::2]  # the others are changed
    found = choose_threshold(calibration, verification, rate=rate)
    if len(plain) != len(drawn):  # several faces were cut out of an image
        return Learnt(appearance, found, pd.DataFrame())
    seen = drawn.filter(items=["path", "target"]).assign(appearance=list(plain))
    return Learnt(appearance, found, seen)


def _training_changes(detector: Detector) -> PixelTransform | None:
    """Return how training changed images at random, in the network's size; ``None``: not known."""
    given = detector.training.get("augmentation")
    if given is None:
        return None
    same = detector.preprocessing
    preprocessing = PreprocessingParams(
        image_size=same.image_size, interpolation=same.interpolation, scaled_decoding=False
    )
    return train_transform(preprocessing, AugmentationParams.model_validate(given))


def _changed(
    change: PixelTransform | None, seed: int, number: int, image: Tensor
) -> tuple[Tensor, ...]:
    """Return an image as it is and, where training changed images, once as changed."""
    if change is None:
        return (image,)
    with seeded_torch(seed, number):
        return image, change(image)


def _describe(images: Iterable[Tensor]) -> NDArray[np.float32]:
    found = [describe_appearance(as_pixels(image)) for image in images]
    return np.array(found, dtype=np.float32).reshape(-1, NUM_FEATURES)


def fit_appearance(appearances: NDArray[np.float32]) -> AppearanceModel:
    """Return the model of the ``appearances`` of training images, ``(N, F)``."""
    mean, deviation = appearances.mean(axis=0), appearances.std(axis=0) + 1e-6
    fitted = LedoitWolf(assume_centered=True).fit((appearances - mean) / deviation)
    # inverse = L L^T, so that the length of L^T d is Mahalanobis' distance of d
    lower = np.linalg.cholesky(fitted.precision_)
    return AppearanceModel(mean.astype(np.float64), lower.T / deviation)
