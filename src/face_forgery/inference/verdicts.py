"""Decide: scores to verdicts, and the tables that say what was found. Needs no torch."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.images.decoding import InputError
from face_forgery.data.images.listing import printable
from face_forgery.modeling.detector import Detector, DetectorError, OperatingPoints
from face_forgery.modeling.familiarity import UNFAMILIAR

if TYPE_CHECKING:
    from face_forgery.data.images.faces import Face
    from face_forgery.inference.explanation.explain import Explanation

logger = logging.getLogger(__name__)

_WARN_ABOVE = 0.1  # of the images, without a score
PREDICTION_COLUMNS = ("img_name", "y_pred", "verdict", "status", "detail")
JUDGED_FACE_COLUMNS = (
    *("img_name", "face", "left", "top", "width", "height"),
    *("confidence", "y_pred", "verdict"),
)


class NothingJudgedError(ValueError):
    """None of the images or videos could be judged; the message has the most frequent reason."""


class JudgedFace(NamedTuple):
    """A face and its verdict; the box in pixels of the upright image."""

    left: float
    top: float
    width: float
    height: float
    confidence: float  # that it is a face, in [0, 1]
    score: float  # the probability of forgery, in [0, 1]
    verdict: str  # real, fake or unsure


@dataclass(frozen=True)
class Judgement:
    """What is said about one image; unless the status is ok there is no verdict.

    Attributes:
        score: The probability of forgery, in [0, 1]; the highest of the faces.
        verdict: ``real``, ``fake`` or ``unsure``.
        status: ``ok``, ``missing``, ``unreadable``, ``too_large``, ``too_small``, ``no_face``,
            ``too_blurry``, or ``unfamiliar``: unlike all that the detector was trained on, so that
            it has a score and no verdict.
        detail: Why, unless ok.
        faces: The largest first; none where the detector takes images whole.
        evidence: What the file says of its origin (`data.images.evidence.read_evidence`). Anybody
            can write that, and nothing follows where it is missing; no score depends on it.
    """

    score: float | None
    verdict: str | None
    status: str
    detail: str
    faces: tuple[JudgedFace, ...] = ()
    evidence: dict[str, str] = field(default_factory=dict)
    explainer: "Callable[..., Explanation] | None" = field(default=None, repr=False, compare=False)

    def explain(self, *, has_views: bool = True, face: int | None = None) -> "Explanation":
        """Return why: a heat map, regions of the face, and views to check by eye.

        Reads the image again, and takes as long as some fifty verdicts.

        Args:
            has_views: Whether the views are made, too.
            face: Index into ``faces``; ``None``: the most suspicious one.

        Raises:
            InputError: If the image could not be judged.
        """
        if self.score is None or self.explainer is None:
            raise InputError(f"only a score can be explained; this image is {self.status}")
        return self.explainer(has_views=has_views, face=face)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON: ``y_pred`` is the score, and no verdict is an empty text."""
        faces = [face._asdict() for face in self.faces]
        return {
            "y_pred": self.score,
            "verdict": self.verdict or "",
            "status": self.status,
            "detail": self.detail,
            "faces": [face | {"y_pred": face.pop("score")} for face in faces],
            "evidence": self.evidence,
        }


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of N images, in their order; the margin of one is the highest of its faces."""

    margins: NDArray[np.float64]  # logit of fake less logit of real; NaN where the status is not ok
    statuses: NDArray[np.object_]  # as those of `Judgement`
    details: NDArray[np.object_]  # why; empty for ok
    faces: NDArray[np.object_]  # tuples of (face, margin); empty where images are taken whole
    unlikeness: NDArray[np.float64]  # of the face with that margin; above 1 is unfamiliar

    @property
    def scores(self) -> NDArray[np.float64]:
        """``(N,)`` in [0, 1], the probability of forgery; NaN where the status is not ok."""
        return to_scores(self.margins)

    @property
    def is_unfamiliar(self) -> NDArray[np.bool_]:
        """``(N,)``: which images have a score and no verdict."""
        return self.unlikeness > 1

    @classmethod
    def join(cls, parts: Iterable["Scored"]) -> "Scored":
        """Put parts behind one another; none of them gives one of no images."""
        nothing = np.empty(0, dtype=object)
        parts = [cls(np.empty(0), nothing, nothing, nothing, np.empty(0)), *parts]
        columns = ("margins", "statuses", "details", "faces", "unlikeness")
        return cls(*(np.concatenate([getattr(part, one) for part in parts]) for one in columns))


def to_scores(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return margins, logit of fake less logit of real, as probabilities of forgery."""
    from scipy.special import expit

    scores: NDArray[np.float64] = expit(margins)
    return scores


def operating_points_of(detector: Detector) -> OperatingPoints:
    """Return the detector's operating points.

    Raises:
        DetectorError: If it has none: nobody has measured yet what its scores mean.
    """
    if detector.operating_points is None:
        raise DetectorError(
            "the detector has no operating points, so its scores cannot become verdicts; choose "
            "them on the validation images: kedro run --pipelines evaluation"
        )
    return detector.operating_points


def decide(scores: NDArray[np.float64], points: OperatingPoints) -> NDArray[np.str_]:
    """Return a verdict for each of ``scores``, ``(N,)`` in [0, 1], the probability of forgery.

    ``score >= fake_threshold`` is ``fake``, ``score < real_threshold`` ``real``, else ``unsure``.

    Raises:
        ValueError: If a score is NaN.
    """
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} of {scores.size} scores are NaN")
    fake, real = scores >= points.fake_threshold, scores < points.real_threshold
    return np.select([fake, real], ["fake", "real"], default="unsure")


def decide_one(score: float, points: OperatingPoints) -> str:
    """Return the verdict of one score, as `decide`."""
    return str(decide(np.array([score]), points)[0])


def judge_row(scored: Scored, row: int, points: OperatingPoints, **given: Any) -> Judgement:
    """Return what is said about one of the images of ``scored``.

    ``given``: the fields of `Judgement` that no score says.
    """
    status, detail = scored.statuses[row], scored.details[row]
    if status != "ok":
        return Judgement(None, None, status, detail, **given)
    score = float(scored.scores[row])
    faces = tuple(_judge_face(face, margin, points) for face, margin in scored.faces[row])
    if scored.is_unfamiliar[row]:
        detail = describe_unfamiliar(scored.unlikeness[row])
        return Judgement(score, None, UNFAMILIAR, detail, faces, **given)
    return Judgement(score, decide_one(score, points), status, detail, faces, **given)


def describe_unfamiliar(unlikeness: float) -> str:
    """Return why an image has no verdict."""
    return (
        "the detector has never seen pictures like this one: it is "
        f"{unlikeness:.3g} times as far from the training images as validation images are"
    )


def tabulate_predictions(
    images: pd.DataFrame, scored: Scored, points: OperatingPoints
) -> pd.DataFrame:
    """Return a row for each image, in their order: ``PREDICTION_COLUMNS``.

    ``verdict`` is missing where ``status`` is not ``ok``, and ``y_pred`` is NaN there, too, unless
    it is ``unfamiliar``; ``detail`` says why.
    """
    details, statuses = scored.details.copy(), scored.statuses.copy()
    for row in np.flatnonzero(scored.is_unfamiliar):
        statuses[row], details[row] = UNFAMILIAR, describe_unfamiliar(scored.unlikeness[row])
    for row in np.flatnonzero(images["problem"].notna()):
        details[row] = images["problem"].iloc[row]
    for row in np.flatnonzero(scored.statuses == "missing"):
        details[row] += f": {printable(images['path'].iloc[row])}"
    verdicts = np.full(len(images), None, dtype=object)
    is_ok = statuses == "ok"
    verdicts[is_ok] = decide(scored.scores[is_ok], points)
    return pd.DataFrame(
        {
            "img_name": images["img_name"].array,
            "y_pred": scored.scores,
            "verdict": pd.array(verdicts, dtype="string"),
            "status": pd.array(statuses, dtype="string"),
            "detail": pd.array(details, dtype="string"),
        }
    )


def tabulate_faces(images: pd.DataFrame, scored: Scored, points: OperatingPoints) -> pd.DataFrame:
    """Return a row for each judged face, numbered from 1 by size: ``JUDGED_FACE_COLUMNS``."""
    rows = [
        (name, number, *_judge_face(face, margin, points))
        for name, faces in zip(images["img_name"], scored.faces, strict=True)
        for number, (face, margin) in enumerate(faces, start=1)
    ]
    return pd.DataFrame(rows, columns=list(JUDGED_FACE_COLUMNS))


def _judge_face(face: "Face", margin: float, points: OperatingPoints) -> JudgedFace:
    score = float(to_scores(np.asarray(margin)))
    left, top, width, height = (round(value, 1) for value in face[:4])
    confidence = round(face.confidence, 4)
    return JudgedFace(left, top, width, height, confidence, score, decide_one(score, points))


def count_verdicts(judged: pd.DataFrame, *, unit: str) -> str:
    """Return how many of a table of verdicts are real, fake and unsure, and what the others are.

    ``unit`` is what is counted, in the plural.
    """
    statuses = judged.loc[judged["status"] != "ok", "status"].value_counts()
    verdicts = judged["verdict"].value_counts()
    parts = [f"{verdicts.get(name, 0):,} {name}" for name in ("real", "fake", "unsure")]
    parts += [f"{count:,} {status}" for status, count in statuses.items()]
    counted = unit.removesuffix("s") if len(judged) == 1 else unit
    return f"{len(judged):,} {counted}: {', '.join(parts)}"


def describe_ending(judged: pd.DataFrame, *, unit: str) -> list[str]:
    """Return the lines that a job ends with, and warn where many images have no score.

    Args:
        judged: A row an image or video: its name, then ``y_pred``, ``verdict``, ``status``,
            ``detail``.
        unit: What is counted, in the plural.

    Raises:
        NothingJudgedError: If none of them has a score.
    """
    without = judged[judged["y_pred"].isna()]
    if len(without):
        status = str(without["status"].value_counts().index[0])
        first = without[without["status"] == status].iloc[0]
        why = f"most often {status}, such as {first.iloc[0]}: {first['detail']}"
        if len(without) == len(judged):
            raise NothingJudgedError(f"none of the {len(judged):,} {unit} could be judged; {why}")
        if len(without) > _WARN_ABOVE * len(judged):
            form = "%d of %d %s could not be judged; %s"
            logger.warning(form, len(without), len(judged), unit, why)
    return [count_verdicts(judged, unit=unit)]
