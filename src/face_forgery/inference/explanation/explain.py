"""One picture explained: score, heat map, regions, views."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from face_forgery.data.images.faces import Face, cut_square
from face_forgery.data.images.remote import read_rgb_at
from face_forgery.inference.explanation.attribution import heat_map
from face_forgery.inference.explanation.regions import (
    Landmarks,
    RegionShare,
    centered_landmarks,
    label_regions,
    share_evidence,
)
from face_forgery.inference.explanation.views import View, make_views
from face_forgery.inference.reading import Decode, PictureReader, Reading
from face_forgery.inference.scoring import margins_of
from face_forgery.inference.verdicts import decide, operating_points_of
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.forward_path import pick_device
from face_forgery.progress import track


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a picture got its score.

    Attributes:
        score: The probability of forgery, in [0, 1].
        verdict: real, fake or unsure.
        pixels: ``(H, W, 3)``: what was judged: the picture, or its most suspicious face.
        heat: ``(S, S)``, stretched over ``pixels``; above 0 speaks for forged.
        has_landmarks: Whether the regions follow the face; else it is taken to be in the middle.
        shares: Region -> its share of the evidence, the densest first.
        views: To check by eye; empty where none were asked for.
    """

    score: float
    verdict: str
    pixels: NDArray[np.uint8]
    heat: NDArray[np.float32]
    has_landmarks: bool
    shares: dict[str, RegionShare]
    views: list[View]


@dataclass(frozen=True, eq=False)
class ExplainedPicture:
    """A picture of a user's, explained, or the reason why not."""

    number: int  # of the picture among those explained, from 1
    total: int
    img_name: str
    status: str
    detail: str
    explanation: Explanation | None


def explain_pictures(
    detector: Detector, pictures: pd.DataFrame, *, min_size: int
) -> Iterator[ExplainedPicture]:
    """Explain the pictures of a table, one after the other; a bad one stops nothing.

    Args:
        detector: Must have operating points.
        pictures: ``data.images.listing.LISTING_COLUMNS``.
        min_size: Pixels; a picture with a shorter side is ``too_small``.

    Raises:
        DetectorError: If the detector has no operating points.
    """
    operating_points_of(detector)
    network = detector.build_network().to(pick_device())
    total = len(pictures)
    rows = zip(pictures["img_name"], pictures["path"], pictures["problem"], strict=True)
    for number, (name, path, problem) in enumerate(
        track(rows, description="explaining", total=total), start=1
    ):
        reading, explanation = Reading((), (), "unreadable", str(problem)), None
        if not isinstance(problem, str):
            decode = partial(read_rgb_at, path)
            reading, explanation = explain_one(detector, network, decode, min_size=min_size)
        yield ExplainedPicture(number, total, name, reading.status, reading.detail, explanation)


def pick_suspects(pictures: pd.DataFrame, predictions: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows of ``pictures`` with the highest scores, the highest first.

    Pictures without a score are left out: their row of ``predictions`` says all there is to say.

    Args:
        pictures: ``data.images.listing.LISTING_COLUMNS``.
        predictions: ``inference.scoring.PREDICTION_COLUMNS``, of the same pictures in their order.
        most: At most so many rows.

    Raises:
        ValueError: If the predictions are of other pictures.
    """
    names, judged = pictures["img_name"].astype("string"), predictions["img_name"].astype("string")
    if len(names) != len(judged) or (names.to_numpy() != judged.to_numpy()).any():
        raise ValueError(
            f"the {len(judged)} predictions are not of these {len(names)} pictures in their order; "
            "judge them again: kedro run --pipelines inference"
        )
    scores = predictions["y_pred"].reset_index(drop=True)
    order = scores.sort_values(ascending=False, kind="stable").dropna().index
    return pictures.iloc[order[:most]]


def explain_one(
    detector: Detector,
    network: nn.Module,
    decode: Decode,
    *,
    min_size: int,
    has_views: bool = True,
) -> tuple[Reading, Explanation | None]:
    """Explain one picture; ``None`` where the reading says why it cannot be judged.

    Args:
        detector: Must have operating points.
        network: ``detector.build_network()``, on any device.
        decode: Returns the picture.
        min_size: Pixels; a picture with a shorter side is ``too_small``.
        has_views: Whether the views to check by eye are made, too.
    """
    pixels = np.empty((0, 0, 3), dtype=np.uint8)

    def remember(*, side: int | None) -> NDArray[np.uint8]:
        nonlocal pixels
        pixels = decode(side=side)
        return pixels

    reader = PictureReader.of(detector, min_size=min_size)
    reading = reader.read(remember)
    if reading.status != "ok":
        return reading, None
    if reader.fit.side is not None:
        pixels = decode(side=None)  # people are shown all of it
    margins = margins_of(network, torch.stack(reading.images))
    worst = int(margins.argmax())
    landmarks = None
    if reader.finder is not None:
        face = reading.faces[worst]
        square = reader.finder.square_of(face, pixels.shape)
        pixels = cut_square(pixels, square)
        landmarks = _move(face, square.left, square.top)
    points = operating_points_of(detector)
    score = float(expit(margins[worst]))
    return reading, _explain(
        network,
        reading.images[worst],
        pixels,
        landmarks,
        score=score,
        verdict=str(decide(np.array([score]), points)[0]),
        has_views=has_views,
    )


def _explain(
    network: nn.Module,
    image: torch.Tensor,
    pixels: NDArray[np.uint8],
    landmarks: Landmarks | None,
    *,
    score: float,
    verdict: str,
    has_views: bool,
) -> Explanation:
    height, width = pixels.shape[:2]
    points = centered_landmarks(height, width) if landmarks is None else landmarks
    labels = label_regions(height, width, points)
    heat = heat_map(network, image)
    side = len(heat)
    scaled = tuple((x * side / width, y * side / height) for x, y in points)
    return Explanation(
        score=score,
        verdict=verdict,
        pixels=pixels,
        heat=heat,
        has_landmarks=landmarks is not None,
        shares=share_evidence(heat, label_regions(side, side, scaled)),
        views=make_views(pixels, points, labels) if has_views else [],
    )


def _move(face: Face, left: int, top: int) -> Landmarks:
    return tuple((x - left, y - top) for x, y in face.landmarks)
