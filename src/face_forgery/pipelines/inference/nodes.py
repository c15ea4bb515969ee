"""Nodes of the inference pipeline."""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.inference.job import Begun, PartOfJob, run_job
from face_forgery.inference.verdicts import operating_points_of
from face_forgery.modeling.detector import Detector
from face_forgery.params import ClusterParams, ExplanationParams, InferenceParams, ScoringParams

logger = logging.getLogger(__name__)


def judge_images(
    *,
    detector: Detector,
    images: pd.DataFrame,
    predictions_begun: Begun | None,
    inference: InferenceParams,
    scoring: ScoringParams,
    cluster: ClusterParams,
) -> Iterator[PartOfJob]:
    """Give each image a score and a verdict, or a status that says why it has none.

    A generator node: the catalog saves each part as it comes, so that memory stays flat and an
    interrupted run is continued by the next one.
    """
    logger.info(ff.describe_training_data(detector.training_data))
    is_local = inference.engine == "local"
    score = ff.stream_scores if is_local else partial(ff.score_on_cluster, cluster=cluster)
    yield from run_job(
        detector,
        images,
        predictions_begun,
        score=partial(score, engine=scoring.engine),
        min_size=inference.min_size,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
    )


def end_inference(predictions: pd.DataFrame) -> list[str]:
    """Say how many images got which verdict; an error if none could be judged."""
    return ff.describe_ending(predictions, unit="images")


def explain_judged(
    *,
    detector: Detector,
    images: pd.DataFrame,
    predictions: pd.DataFrame,
    inference: InferenceParams,
    scoring: ScoringParams,
    explanation: ExplanationParams,
) -> Iterator[Any]:
    """Yield a page for each of the images with the highest scores; the last brings their index.

    A generator node that yields nothing saves nothing: so it is while ``inference.explain`` is
    off.
    """
    if not inference.explain:
        return
    suspects = ff.pick_suspects(images, predictions, explanation.max_images)
    explained = ff.explain_images(
        detector, suspects, min_size=inference.min_size, engine=scoring.engine
    )
    learnt_from = ff.describe_training_data(detector.training_data)
    for _, page in ff.write_pages(explained, operating_points_of(detector), learnt_from):
        yield page
