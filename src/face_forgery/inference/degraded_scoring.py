"""Scores of degraded images: decode once, degrade many times, score as always."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit
from torch import Tensor

from face_forgery.data.degradation.operations import Degradation
from face_forgery.data.images.resizing import PixelTransform, eval_transform
from face_forgery.inference.reading import ImageReader, check_readings, finder_of, read_batches
from face_forgery.inference.scoring import margins_of
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.params import EngineName
from face_forgery.progress import track

MAX_SIDE = 1024  # pixels; larger images are reduced to it first, as most services do
_FORWARD = 16  # states in one forward pass, of one image or of two


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
        ImageReader(degrade, None, 1, finder_of(detector), is_labelled=True),
        batch_size=1,
        num_workers=num_workers,
    )
    network = build_scorer(detector, engine)
    num_states = 1 + len(degradations)
    shown = track(batches, description=f"scoring in {num_states} states", total=len(paths))
    passes = _fill_passes(_check(batch, path) for batch, path in zip(shown, paths, strict=True))
    margins = [margins_of(network, images) for images in passes]
    scores = expit(np.concatenate([np.empty(0), *margins]))
    return np.asarray(scores).reshape(len(paths), num_states)


def _check(batch: Any, path: Path) -> Tensor:
    """Return the states of the image of a ``ReadBatch``, as `_degrade_and_fit` has made them."""
    check_readings(batch, [path])
    states: Tensor = batch.images[0]
    return states


def _fill_passes(images: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield uint8 ``(B, 3, S, S)`` of ``(D, S, S, 3)``: all images in order, `_FORWARD` at once."""
    left: list[Tensor] = []
    for states in images:
        *full, rest = torch.split(torch.cat([*left, states]), _FORWARD)
        left = [rest]
        yield from (one.permute(0, 3, 1, 2) for one in full)
    yield from (one.permute(0, 3, 1, 2) for one in left)


def _degrade_and_fit(
    degradations: tuple[Degradation, ...], transform: PixelTransform, image: Tensor
) -> Tensor:
    """``uint8 (3, H, W)`` to ``(1 + D, S, S, 3)``: pixel by pixel, as networks prefer them."""
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    if max(pixels.shape) > MAX_SIDE:
        reduced = Image.fromarray(pixels)
        reduced.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        pixels = np.array(reduced)
    states = chain([pixels], (degradation.apply(pixels) for degradation in degradations))
    images = (torch.from_numpy(state).permute(2, 0, 1) for state in states)
    return torch.stack([transform(image).permute(1, 2, 0) for image in images])
