"""Judging many pictures as one job that can be interrupted and continued."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import pandas as pd

from face_forgery.inference.scoring import (
    FACE_COLUMNS,
    PREDICTION_COLUMNS,
    ScoresBatches,
    judge_in_parts,
    score_batches,
)
from face_forgery.inference.verdicts import operating_points_of
from face_forgery.modeling.detector import Detector


@dataclass(frozen=True)
class Begun:
    """What an interrupted job has left.

    Attributes:
        job: The name of the job, as ``name_job`` gives it.
        num_rows: Verdicts that are written, of the first so many pictures.
    """

    job: str
    num_rows: int


@dataclass(frozen=True, eq=False)
class PartOfJob:
    """Verdicts of some pictures that follow one another.

    Attributes:
        job: The name of the job.
        start: Place of the first of them among the pictures of the job, from 0.
        total: Pictures of the job.
        rows: ``inference.scoring.PREDICTION_COLUMNS``.
        faces: ``inference.scoring.FACE_COLUMNS``, of the same pictures; ``None`` where pictures
            are taken whole.
    """

    job: str
    start: int
    total: int
    rows: pd.DataFrame
    faces: pd.DataFrame | None = None

    @property
    def end(self) -> int:
        """Pictures that are judged with this part."""
        return self.start + len(self.rows)


def run_job(
    detector: Detector,
    pictures: pd.DataFrame,
    begun: Begun | None,
    *,
    min_size: int,
    batch_size: int,
    num_workers: int,
    part_size: int = 1024,
    score: ScoresBatches = score_batches,
) -> Iterator[PartOfJob]:
    """Judge pictures part by part, from where the same job was interrupted.

    Args:
        detector: Must have operating points.
        pictures: ``data.images.listing.LISTING_COLUMNS``.
        begun: What is written already; of another job, it is not looked at.
        min_size: As ``judge_in_parts``.
        batch_size: As ``judge_in_parts``.
        num_workers: As ``judge_in_parts``.
        part_size: As ``judge_in_parts``.
        score: As ``judge_in_parts``.

    Yields:
        Parts in order; the last one ends the job, and is empty if nothing was left to do.

    Raises:
        DetectorError: If the detector has no operating points.
    """
    job = name_job(detector, pictures, min_size=min_size)
    start = begun.num_rows if begun is not None and begun.job == job else 0
    left = pictures.iloc[start:]
    for part in judge_in_parts(
        detector,
        left,
        min_size=min_size,
        batch_size=batch_size,
        num_workers=num_workers,
        part_size=part_size,
        score=score,
    ):
        yield PartOfJob(job, start, len(pictures), part.rows, part.faces)
        start += len(part.rows)
    if left.empty:
        nothing = pd.DataFrame(columns=list(PREDICTION_COLUMNS))
        faces = None if detector.faces is None else pd.DataFrame(columns=list(FACE_COLUMNS))
        yield PartOfJob(job, start, len(pictures), nothing, faces)


def name_job(detector: Detector, pictures: pd.DataFrame, *, min_size: int) -> str:
    """Return 16 hexadecimal digits that follow from all that the verdicts follow from.

    The contents of the pictures are not part of it: of a million they would take an hour to read.
    """
    settings = {
        "detector": detector.identity(),
        "operating_points": asdict(operating_points_of(detector)),
        "min_size": min_size,
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, path in zip(pictures["img_name"], pictures["path"], strict=True):
        digest.update(os.fsencode(f"{name}\n{path}\0"))
    return digest.hexdigest()[:16]
