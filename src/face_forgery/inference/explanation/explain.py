"""One image explained: score, heat map, regions, views."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from face_forgery.data.images.appearance import describe_appearance
from face_forgery.data.images.crops import cut_square
from face_forgery.inference.explanation.attribution import heat_map
from face_forgery.inference.explanation.neighbors import Neighbor, SeenImages
from face_forgery.inference.explanation.regions import (
    FULL_SCALE,
    Landmarks,
    RegionEvidence,
    label_regions,
    measure_evidence,
)
from face_forgery.inference.explanation.views import View, make_views
from face_forgery.inference.judging import GivenImage
from face_forgery.inference.reading import Decode, ImageReader, Reading, as_pixels
from face_forgery.inference.scoring import margins_of
from face_forgery.inference.verdicts import decide_one, operating_points_of, to_scores
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.engines.choice import build_scorer, with_gradients
from face_forgery.modeling.familiarity import UNFAMILIAR
from face_forgery.params import EngineName
from face_forgery.progress import track

_SEEN = 0.1  # of the full color


class Explanation(NamedTuple):
    """Why an image got its score."""

    score: float  # the probability of forgery, in [0, 1]
    verdict: str  # real, fake, unsure, or unfamiliar: none
    pixels: NDArray[np.uint8]  # (H, W, 3): the image that was judged, or its most suspicious face
    heat: NDArray[np.float32]  # (S, S) in log-odds, stretched over the pixels; see `heat_map`
    regions: dict[str, RegionEvidence]  # what lies in each, the densest first; none without a face
    views: list[View]  # to check by eye; empty where none were asked for
    appearance: NDArray[np.float32]  # (F,): what it looks like, as `describe_appearance`

    @property
    def speaks_for_forged(self) -> bool:
        """Whether anything on the map does that one could see."""
        return bool(self.heat.max() >= _SEEN * FULL_SCALE)

    @property
    def top_region(self) -> str | None:
        """What speaks most for a forgery, for its size; ``None``: nothing, or no face was found."""
        return next(iter(self.regions), None) if self.speaks_for_forged else None


class ExplainedImage(NamedTuple):
    """One of your images, explained, or the reason why not."""

    number: int  # of the image among those explained, from 1
    total: int
    img_name: str
    status: str
    detail: str
    explanation: Explanation | None
    evidence: dict[str, str]  # what the file says of its origin, as `read_evidence`
    nearest: Sequence[Neighbor] = ()  # training images, where they are at hand


def explain_images(
    detector: Detector,
    images: pd.DataFrame,
    *,
    min_size: int,
    engine: EngineName = "auto",
    seen: SeenImages | None = None,
) -> Iterator[ExplainedImage]:
    """Explain the images of a table, one after the other; a bad one stops nothing."""
    operating_points_of(detector)
    scorer = build_scorer(detector, engine)
    network = with_gradients(detector, scorer)
    rows = zip(images["img_name"], images["path"], images["problem"], strict=True)
    shown = track(rows, description="explaining", total=len(images))
    for number, (name, path, problem) in enumerate(shown, start=1):
        reading, explanation = Reading((), (), "unreadable", str(problem)), None
        evidence: dict[str, str] = {}
        if not isinstance(problem, str):
            given = GivenImage(path)
            reading, explanation = explain_one(
                detector, scorer, network, given.decode, min_size=min_size
            )
            evidence = given.evidence
        nearest = [] if seen is None or explanation is None else seen.find(explanation.appearance)
        said = (reading.status, reading.detail, explanation)
        yield ExplainedImage(number, len(images), name, *said, evidence, nearest)


def pick_suspects(images: pd.DataFrame, predictions: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the rows of ``images`` with the highest scores, the highest first.

    At most ``most``; images without a score are left out: their row of ``predictions``, which are
    of the same images in their order, says all there is to say.

    Raises:
        ValueError: If the predictions are of other images.
    """
    names, judged = images["img_name"].astype("string"), predictions["img_name"].astype("string")
    if len(names) != len(judged) or (names.to_numpy() != judged.to_numpy()).any():
        raise ValueError(
            f"the {len(judged)} predictions are not of these {len(names)} images in their order; "
            "judge them again: kedro run --pipelines inference"
        )
    scores = predictions["y_pred"].reset_index(drop=True)
    order = scores.sort_values(ascending=False, kind="stable").dropna().index
    return images.iloc[order[:most]]


def explain_one(
    detector: Detector,
    scorer: nn.Module,
    network: nn.Module,
    decode: Decode,
    *,
    min_size: int,
    has_views: bool = True,
    face: int | None = None,
) -> tuple[Reading, Explanation | None]:
    """Explain the image that ``decode`` returns; ``None`` where the reading says why not.

    ``scorer`` gives the score, ``network``, the detector's as torch computes it, the heat map.
    ``has_views`` and ``face`` are as of ``inference.verdicts.Judgement.explain``.
    """
    decoded: list[NDArray[np.uint8]] = []

    def remember(*, side: int | None) -> NDArray[np.uint8]:
        decoded.append(decode(side=side))
        return decoded[-1]

    reader = ImageReader.of(detector, min_size=min_size)
    reading = reader.read(remember)
    if reading.status != "ok":
        return reading, None
    pixels = decoded[-1] if reader.side is None else decode(side=None)  # people see all of it
    margins = margins_of(scorer, torch.stack(reading.images))
    chosen = int(margins.argmax()) if face is None else face
    landmarks = None
    if reader.finder is not None:
        found = reading.faces[chosen]
        square = reader.finder.square_of(found, pixels.shape)
        pixels = cut_square(pixels, square)
        landmarks = tuple((x, y) for x, y in square.locate(found.landmarks).tolist())
    score = float(to_scores(margins)[chosen])
    heat = heat_map(network, reading.images[chosen])
    return reading, Explanation(
        score=score,
        verdict=UNFAMILIAR
        if reading.unlikeness and reading.unlikeness[chosen] > 1
        else decide_one(score, operating_points_of(detector)),
        pixels=pixels,
        heat=heat,
        regions={} if landmarks is None else _measure_regions(heat, landmarks, pixels.shape),
        views=make_views(pixels, landmarks) if has_views else [],
        appearance=describe_appearance(as_pixels(reading.images[chosen])),
    )


def _measure_regions(
    heat: NDArray[np.float32], landmarks: Landmarks, shape: tuple[int, ...]
) -> dict[str, RegionEvidence]:
    """Measure in parts of a face what can be seen on its map.

    ``landmarks`` lie in pixels of an image of ``shape``.
    """
    (height, width), side = shape[:2], len(heat)
    scaled = tuple((x * side / width, y * side / height) for x, y in landmarks)
    seen = np.where(heat >= _SEEN * FULL_SCALE, heat, 0)
    return measure_evidence(seen, label_regions(side, side, scaled))
