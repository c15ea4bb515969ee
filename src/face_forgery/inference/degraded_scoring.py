"""Scores of degraded images: decode once, degrade many times, score as always."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit
from torch import Tensor

from face_forgery.data.degradation.operations import Degradation
from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.resizing import PixelTransform, eval_transform
from face_forgery.inference.reading import ImageReader, finder_of, read_batches
from face_forgery.inference.scoring import margins_of
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.params import EngineName
from face_forgery.progress import track

MAX_SIDE = 1024  # pixels; larger images are reduced to it first, as most services do
_FORWARD = 16  # states in one forward pass; on a CPU a tenth faster than all of them at once


def score_degraded(
    detector: Detector,
    paths: Sequence[Path],
    degradations: Sequence[Degradation],
    *,
    num_workers: int,
    engine: EngineName = "auto",
) -> NDArray[np.float64]:
    """Score images as they are and degraded; each is decoded once.

    Degradations are applied to what the network sees of an image, in its own size: the whole of it,
    or the square around its largest face, which is found in the clean image. What is random in
    one follows from its pixels and the degradation, not from its index. An image with a side longer
    than ``MAX_SIDE`` pixels is reduced to it first, clean or not.

    Returns:
        ``(N, 1 + D)`` for N paths and D degradations, the probability of forgery: clean, then
        degraded in the order given.

    Raises:
        ImageError: If an image cannot be read.
    """
    given = detector.preprocessing
    transform = eval_transform(given.image_size, given.interpolation)
    degrade = partial(_degrade_and_fit, tuple(degradations), transform)
    batches = read_batches(
        paths,
        ImageReader(degrade, None, 1, finder_of(detector)),
        batch_size=1,
        num_workers=num_workers,
    )
    network = build_scorer(detector, engine)
    scores = np.empty((len(paths), 1 + len(degradations)))
    description = f"scoring in {1 + len(degradations)} states"
    for row, batch in enumerate(track(batches, description=description, total=len(paths))):
        if batch.statuses[0] != "ok":
            raise ImageError(
                f"{paths[row]}: {batch.details[0]}. It could be read when the manifest was made; "
                "run ingestion again",
                status=batch.statuses[0],
            )
        margins = [margins_of(network, images) for images in batch.images[0].split(_FORWARD)]
        scores[row] = expit(np.concatenate(margins))
    return scores


def _degrade_and_fit(
    degradations: tuple[Degradation, ...], transform: PixelTransform, image: Tensor
) -> Tensor:
    """``uint8 (3, H, W)`` to ``(1 + D, 3, S, S)``."""
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    if max(pixels.shape) > MAX_SIDE:
        reduced = Image.fromarray(pixels)
        reduced.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        pixels = np.array(reduced)
    states = [pixels, *(degradation.apply(pixels) for degradation in degradations)]
    images = (torch.from_numpy(state).permute(2, 0, 1) for state in states)
    return torch.stack([transform(image) for image in images])
