"""Pictures to scores and verdicts: validation, submissions and users go through the same lines.

torch is imported when the first picture is scored.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.data.images.decoding import ImageError, decode_rgb
from face_forgery.data.images.listing import printable
from face_forgery.inference.verdicts import decide, operating_points_of
from face_forgery.modeling.detector import Detector, DetectorError, OperatingPoints
from face_forgery.progress import track

if TYPE_CHECKING:
    from torch import Tensor, nn

    from face_forgery.data.images.faces import Face
    from face_forgery.inference.reading import ReadBatch

PREDICTION_COLUMNS = ("img_name", "y_pred", "verdict", "status", "detail")
_BYTES_BATCH = 32


FACE_COLUMNS = (
    *("img_name", "face", "left", "top", "width", "height"),
    *("confidence", "y_pred", "verdict"),
)


class JudgedFace(NamedTuple):
    """A face and what is said about it; the box in pixels of the upright picture."""

    left: float
    top: float
    width: float
    height: float
    confidence: float  # that it is a face, in [0, 1]
    score: float  # the probability of forgery, in [0, 1]
    verdict: str  # real, fake or unsure


class Judgement(NamedTuple):
    """What is said about one picture; score and verdict are ``None`` unless the status is ok."""

    score: float | None  # the probability of forgery, in [0, 1]; the highest of the faces
    verdict: str | None  # real, fake or unsure
    status: str  # ok, missing, unreadable, too_large, too_small, no_face or too_blurry
    detail: str  # why, unless ok
    faces: tuple[JudgedFace, ...] = ()  # the largest first; none where it is taken whole


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of files, in their order.

    Attributes:
        margins: ``(N,)``, logit of fake less logit of real; NaN where the status is not ok.
        statuses: ``(N,)`` of ok, missing, unreadable, too_large, too_small, no_face, too_blurry.
        details: ``(N,)``, why; empty for ok.
        faces: ``(N,)`` of tuples of ``(face, margin)``; empty where pictures are taken whole. The
            margin of a picture is the highest of its faces.
    """

    margins: NDArray[np.float64]
    statuses: NDArray[np.object_]
    details: NDArray[np.object_]
    faces: NDArray[np.object_]

    @property
    def scores(self) -> NDArray[np.float64]:
        """``(N,)`` in [0, 1], the probability of forgery; NaN where the status is not ok."""
        from scipy.special import expit

        scores: NDArray[np.float64] = expit(self.margins)
        return scores

    @classmethod
    def join(cls, parts: Iterable["Scored"]) -> "Scored":
        """Put parts behind one another; none of them gives one of no files."""
        margins: list[NDArray[np.float64]] = [np.empty(0)]
        statuses: list[NDArray[np.object_]] = [np.empty(0, dtype=object)]
        details: list[NDArray[np.object_]] = [np.empty(0, dtype=object)]
        faces: list[NDArray[np.object_]] = [np.empty(0, dtype=object)]
        for part in parts:
            margins.append(part.margins)
            statuses.append(part.statuses)
            details.append(part.details)
            faces.append(part.faces)
        return cls(
            np.concatenate(margins),
            np.concatenate(statuses),
            np.concatenate(details),
            np.concatenate(faces),
        )


class ScoresBatches(Protocol):
    """What `score_batches` does, here or elsewhere; scores do not follow from where."""

    def __call__(
        self,
        detector: Detector,
        places: Sequence[Path | str | None],
        *,
        batch_size: int,
        num_workers: int,
        min_size: int,
        description: str,
    ) -> Iterator[Scored]:
        """Yield scores a batch at a time and in order."""


def score_files(
    detector: Detector,
    paths: Sequence[Path],
    *,
    batch_size: int,
    num_workers: int,
    min_size: int = 1,
    description: str = "scoring",
) -> Scored:
    """Score pictures by file; one that cannot be scored gets a status and stops nothing.

    Args:
        detector: What scores.
        paths: ``(N,)``.
        batch_size: Pictures in one forward pass; does not change a score beyond 1e-6.
        num_workers: Processes that decode; 0: this one. Does not change a score.
        min_size: Pixels; a picture with a shorter side is ``too_small``.
        description: Shown before the progress bar.

    Raises:
        DetectorError: If the network gives no number for a picture.
    """
    parts = score_batches(
        detector,
        paths,
        batch_size=batch_size,
        num_workers=num_workers,
        min_size=min_size,
        description=description,
    )
    return Scored.join(parts)


def score_batches(
    detector: Detector,
    places: Sequence[Path | str | None],
    *,
    batch_size: int,
    num_workers: int,
    min_size: int,
    description: str,
) -> Iterator[Scored]:
    """Yield what ``score_files`` returns, a batch at a time and in order; memory stays flat.

    Places are paths and URLs; one that is ``None`` is ``unreadable`` without a reason. Progress is
    shown.
    """
    from face_forgery.inference.reading import PictureReader, read_batches
    from face_forgery.modeling.forward_path import pick_device

    batches = read_batches(
        places,
        PictureReader.of(detector, min_size=min_size),
        batch_size=batch_size,
        num_workers=num_workers,
    )
    network = detector.build_network().to(pick_device())
    for batch in track(
        batches, description=description, total=len(places), count=lambda batch: len(batch.statuses)
    ):
        yield score_batch(network, batch)


def score_batch(network: "nn.Module", batch: "ReadBatch") -> Scored:
    """Score the pictures of a batch; one with several faces as its most suspicious face.

    Args:
        network: On any device.
        batch: What ``inference.reading`` gives.

    Raises:
        DetectorError: If the network gives no number for a picture.
    """
    by_image = margins_of(network, batch.images)
    ends = np.cumsum(batch.counts)
    margins = np.full(len(batch.statuses), np.nan)
    faces = np.empty(len(batch.statuses), dtype=object)
    for row, (end, count) in enumerate(zip(ends, batch.counts, strict=True)):
        own = by_image[end - count : end]
        if count:
            margins[row] = own.max()
        faces[row] = tuple(zip(batch.faces[row], own.tolist(), strict=False))
    statuses = np.array(batch.statuses, dtype=object)
    return Scored(margins, statuses, np.array(batch.details, dtype=object), faces)


def score_manifest(
    detector: Detector,
    manifest: pd.DataFrame,
    root: str | Path,
    *,
    batch_size: int,
    num_workers: int,
) -> Scored:
    """Score every image of a manifest; for measuring, where leaving one out would be a lie.

    Args:
        detector: What scores.
        manifest: Its column ``path`` is relative to ``root``.
        root: The data root.
        batch_size: As ``score_files``.
        num_workers: As ``score_files``.

    Returns:
        A score for each row, in their order; every status is ok.

    Raises:
        ImageError: If an image cannot be read; names the count and up to three.
    """
    paths = [Path(root) / path for path in manifest["path"]]
    scored = score_files(detector, paths, batch_size=batch_size, num_workers=num_workers)
    bad = np.flatnonzero(scored.statuses != "ok")
    if bad.size:
        named = "; ".join(f"{paths[i]}: {scored.details[i]}" for i in bad[:3])
        raise ImageError(
            f"{bad.size} of {len(paths)} images of the manifest cannot be read: {named}. They "
            "could when the manifest was made; run it again: kedro run --pipeline ingestion",
            status=scored.statuses[bad[0]],
        )
    return scored


def judge(
    detector: Detector,
    pictures: pd.DataFrame,
    *,
    min_size: int,
    batch_size: int,
    num_workers: int,
) -> pd.DataFrame:
    """Judge a user's pictures at once: ``rows`` of ``judge_in_parts``, whose arguments it has."""
    parts = judge_in_parts(
        detector, pictures, min_size=min_size, batch_size=batch_size, num_workers=num_workers
    )
    return pd.concat([part.rows for part in parts], ignore_index=True)


class JudgedPart(NamedTuple):
    """What is said about some pictures; see ``judge_in_parts``."""

    rows: pd.DataFrame
    faces: pd.DataFrame | None


def judge_in_parts(
    detector: Detector,
    pictures: pd.DataFrame,
    *,
    min_size: int,
    batch_size: int,
    num_workers: int,
    part_size: int = 1024,
    part_seconds: float = 10.0,
    score: ScoresBatches = score_batches,
) -> Iterator[JudgedPart]:
    """Judge a user's pictures as they come; none of them stops it.

    Args:
        detector: Must have operating points.
        pictures: ``data.images.listing.LISTING_COLUMNS``.
        min_size: Pixels; a picture with a shorter side is ``too_small``.
        batch_size: As ``score_files``.
        num_workers: As ``score_files``.
        part_size: Rows after which a part is yielded, give or take a batch.
        part_seconds: A part is yielded after so long even if it is smaller.
        score: Where the scores come from.

    Yields:
        ``rows``: ``PREDICTION_COLUMNS``, a row a picture, in their order. ``y_pred`` is NaN and
        ``verdict`` missing where ``status`` is not ``ok``; ``detail`` then says why.
        ``faces``: ``FACE_COLUMNS``, a row a judged face, numbered from 1 by size; ``None`` where
        the detector takes pictures whole.

    Raises:
        DetectorError: If the detector has no operating points.
    """
    points = operating_points_of(detector)
    problems = pictures["problem"].array
    batches = score(
        detector,
        [
            None if isinstance(problem, str) else path
            for path, problem in zip(pictures["path"], problems, strict=True)
        ],
        min_size=min_size,
        batch_size=batch_size,
        num_workers=num_workers,
        description="judging",
    )
    start = 0
    for scored in _gather(batches, part_size, part_seconds):
        end = start + len(scored.statuses)
        rows = pictures.iloc[start:end]
        faces = None if detector.faces is None else _write_faces(rows, scored, points)
        yield JudgedPart(_write_predictions(rows, scored, points), faces)
        start = end


def _gather(batches: Iterable[Scored], size: int, seconds: float) -> Iterator[Scored]:
    """Join batches until they are ``size`` long or ``seconds`` have passed."""
    waiting: list[Scored] = []
    num_waiting, since = 0, time.monotonic()
    for batch in batches:
        waiting.append(batch)
        num_waiting += len(batch.statuses)
        if num_waiting >= size or time.monotonic() - since >= seconds:
            yield Scored.join(waiting)
            waiting, num_waiting, since = [], 0, time.monotonic()
    if waiting:
        yield Scored.join(waiting)


def _write_predictions(
    pictures: pd.DataFrame, scored: Scored, points: OperatingPoints
) -> pd.DataFrame:
    details = scored.details.copy()
    for row in np.flatnonzero(pictures["problem"].notna()):
        details[row] = pictures["problem"].iloc[row]
    for row in np.flatnonzero(scored.statuses == "missing"):
        details[row] += f": {printable(pictures['path'].iloc[row])}"
    verdicts = np.full(len(pictures), None, dtype=object)
    is_ok = scored.statuses == "ok"
    verdicts[is_ok] = decide(scored.scores[is_ok], points)
    return pd.DataFrame(
        {
            "img_name": pictures["img_name"].array,
            "y_pred": scored.scores,
            "verdict": pd.array(verdicts, dtype="string"),
            "status": pd.array(scored.statuses, dtype="string"),
            "detail": pd.array(details, dtype="string"),
        }
    )


def _write_faces(pictures: pd.DataFrame, scored: Scored, points: OperatingPoints) -> pd.DataFrame:
    rows = [
        (name, number, *_judge_face(face, margin, points))
        for name, faces in zip(pictures["img_name"], scored.faces, strict=True)
        for number, (face, margin) in enumerate(faces, start=1)
    ]
    return pd.DataFrame(rows, columns=list(FACE_COLUMNS))


def _judge_face(face: "Face", margin: float, points: OperatingPoints) -> JudgedFace:
    from scipy.special import expit

    score = float(expit(margin))
    verdict = str(decide(np.array([score]), points)[0])
    left, top, width, height = (
        round(value, 1) for value in (face.left, face.top, face.width, face.height)
    )
    confidence = round(face.confidence, 4)
    return JudgedFace(left, top, width, height, confidence, score, verdict)


def judge_bytes(
    detector: Detector,
    pictures: Sequence[bytes],
    *,
    min_size: int,
    network: "nn.Module | None" = None,
    end: float | None = None,
) -> list[Judgement]:
    """Judge encoded pictures that are in memory; none of them stops it.

    Args:
        detector: Must have operating points.
        pictures: ``(N,)`` encoded pictures: JPEG, PNG, ...
        min_size: Pixels; a picture with a shorter side is ``too_small``.
        network: ``detector.build_network()``, on any device; give it when calling again and again.
        end: Of ``time.monotonic()``, after which no further picture is begun; ``None``: never.

    Returns:
        ``(N,)`` in the order of ``pictures``.

    Raises:
        DetectorError: If the detector has no operating points.
        TimeoutError: If ``end`` came before the last picture was begun.
    """
    from face_forgery.inference.reading import PictureReader, Reading, stack_readings

    points = operating_points_of(detector)
    network = detector.build_network() if network is None else network
    reader = PictureReader.of(detector, min_size=min_size)
    judgements: list[Judgement] = []
    for start in range(0, len(pictures), _BYTES_BATCH):
        readings: list[Reading] = []
        for data in pictures[start : start + _BYTES_BATCH]:
            if end is not None and time.monotonic() > end:
                done = start + len(readings)
                raise TimeoutError(f"{done:,} of {len(pictures):,} pictures could be read")
            readings.append(reader.read(partial(decode_rgb, data)))
        scored = score_batch(network, stack_readings(readings))
        judgements += [_judge_row(scored, row, points) for row in range(len(readings))]
    return judgements


def _judge_row(scored: Scored, row: int, points: OperatingPoints) -> Judgement:
    status, detail = scored.statuses[row], scored.details[row]
    if status != "ok":
        return Judgement(None, None, status, detail)
    score = float(scored.scores[row])
    verdict = str(decide(np.array([score]), points)[0])
    faces = tuple(_judge_face(face, margin, points) for face, margin in scored.faces[row])
    return Judgement(score, verdict, status, detail, faces)


def margins_of(network: "nn.Module", images: "Tensor") -> NDArray[np.float64]:
    """Return the margins of images, and see to it that they are numbers.

    Args:
        network: On any device.
        images: uint8 ``(B, 3, S, S)``; B may be 0.

    Returns:
        ``(B,)``, logit of fake less logit of real.

    Raises:
        DetectorError: If a margin is not finite.
    """
    from face_forgery.modeling.forward_path import device_of, measure_margins

    if not len(images):
        return np.empty(0)
    margins = measure_margins(network, images, device_of(network))
    if not np.isfinite(margins).all():
        raise DetectorError(
            f"the network gives no number for {int((~np.isfinite(margins)).sum())} of "
            f"{len(margins)} pictures: its weights are damaged or not finite; train again: "
            "kedro run --pipelines training,evaluation"
        )
    return margins
