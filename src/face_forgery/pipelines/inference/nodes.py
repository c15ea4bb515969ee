"""Nodes of the inference pipeline."""

from collections.abc import Iterator

import pandas as pd

from face_forgery.inference.job import Begun, PartOfJob, run_job
from face_forgery.modeling.detector import Detector
from face_forgery.params import InferenceParams, ScoringParams


def judge_pictures(
    detector: Detector,
    pictures: pd.DataFrame,
    begun: Begun | None,
    inference: InferenceParams,
    scoring: ScoringParams,
) -> Iterator[PartOfJob]:
    """Give each picture a score and a verdict, or a status that says why it has none.

    A generator node: the catalog saves each part as it comes, so that memory stays flat and an
    interrupted run is continued by the next one.
    """
    yield from run_job(
        detector,
        pictures,
        begun,
        min_size=inference.min_size,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
    )
