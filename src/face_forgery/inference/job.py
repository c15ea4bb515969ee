"""Judging many images as one job that can be interrupted and continued. Needs no torch."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import NamedTuple

import pandas as pd

from face_forgery.inference.verdicts import (
    Scored,
    operating_points_of,
    tabulate_faces,
    tabulate_predictions,
)
from face_forgery.modeling.detector import Detector


class Begun(NamedTuple):
    """What an interrupted job has left."""

    job: str  # as `name_job` names it
    num_rows: int  # verdicts that are written, of the first so many images


class PartOfJob(NamedTuple):
    """Verdicts of some images that follow one another."""

    job: str
    start: int  # index of the first of them among the images of the job
    total: int  # images of the job
    rows: pd.DataFrame  # ``inference.verdicts.PREDICTION_COLUMNS``
    faces: pd.DataFrame | None = None  # ``JUDGED_FACE_COLUMNS``; ``None``: images are taken whole

    @property
    def end(self) -> int:
        """Images that are judged with this part."""
        return self.start + len(self.rows)


def run_job(
    detector: Detector,
    images: pd.DataFrame,
    begun: Begun | None,
    *,
    score: Callable[..., Iterator[Scored]],
    min_size: int,
    batch_size: int,
    num_workers: int,
    part_size: int = 1024,
    part_seconds: float = 10.0,
) -> Iterator[PartOfJob]:
    """Judge images part by part, from where the same job was interrupted; none stops it.

    A part is yielded after ``part_size`` rows, give or take a batch, or ``part_seconds``. What has
    ``begun`` of another job is not looked at. ``score`` is ``inference.scoring.stream_scores``, or
    what does the same elsewhere.

    Yields:
        Parts in order; the last one ends the job, and is empty if nothing was left to do.
    """
    points = operating_points_of(detector)
    job, total = name_job(detector, images, min_size=min_size), len(images)
    start = begun.num_rows if begun is not None and begun.job == job else 0
    left = images.iloc[start:]
    readable = zip(left["path"], left["problem"].isna(), strict=True)
    batches = score(
        detector,
        [path if is_readable else None for path, is_readable in readable],
        min_size=min_size,
        batch_size=batch_size,
        num_workers=num_workers,
        description="judging",
    )
    for scored in _gather(batches, part_size, part_seconds):
        part = images.iloc[start : start + len(scored.statuses)]
        faces = None if detector.faces is None else tabulate_faces(part, scored, points)
        yield PartOfJob(job, start, total, tabulate_predictions(part, scored, points), faces)
        start += len(part)


def _gather(batches: Iterable[Scored], size: int, seconds: float) -> Iterator[Scored]:
    """Join batches until they are ``size`` long or ``seconds`` have passed; at least once."""
    waiting: list[Scored] = []
    since, has_yielded = time.monotonic(), False
    for batch in batches:
        waiting.append(batch)
        num_waiting = sum(len(one.statuses) for one in waiting)
        if num_waiting >= size or time.monotonic() - since >= seconds:
            yield Scored.join(waiting)
            waiting, since, has_yielded = [], time.monotonic(), True
    if waiting or not has_yielded:
        yield Scored.join(waiting)


def name_job(detector: Detector, images: pd.DataFrame, *, min_size: int) -> str:
    """Return 16 hexadecimal digits that follow from all that the verdicts follow from.

    The contents of the images are not part of it: of a million they would take an hour to read.
    """
    settings = {
        "detector": detector.identity(),
        "operating_points": asdict(operating_points_of(detector)),
        "unfamiliar": detector.familiarity and detector.familiarity.threshold,
        "min_size": min_size,
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, path in zip(images["img_name"], images["path"], strict=True):
        digest.update(os.fsencode(f"{name}\n{path}\0"))
    return digest.hexdigest()[:16]
