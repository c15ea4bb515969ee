"""Nodes of the inference pipeline."""

from collections.abc import Iterator
from functools import partial

import pandas as pd

from face_forgery.cluster.scoring import score_on_cluster
from face_forgery.inference.job import Begun, PartOfJob, run_job
from face_forgery.inference.scoring import ScoresBatches, score_batches
from face_forgery.modeling.detector import Detector
from face_forgery.params import ClusterParams, InferenceParams, ScoringParams


def judge_pictures(
    *,
    detector: Detector,
    pictures: pd.DataFrame,
    begun: Begun | None,
    inference: InferenceParams,
    scoring: ScoringParams,
    cluster: ClusterParams,
) -> Iterator[PartOfJob]:
    """Give each picture a score and a verdict, or a status that says why it has none.

    A generator node: the catalog saves each part as it comes, so that memory stays flat and an
    interrupted run is continued by the next one.
    """
    score: ScoresBatches = score_batches
    if inference.engine == "ray":
        score = partial(score_on_cluster, cluster=cluster)
    yield from run_job(
        detector,
        pictures,
        begun,
        min_size=inference.min_size,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
        score=score,
    )
