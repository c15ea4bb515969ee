"""Nodes of the video pipeline."""

import logging
from collections.abc import Iterator
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.inference.verdicts import operating_points_of
from face_forgery.modeling.detector import Detector
from face_forgery.params import InferenceParams, ScoringParams, VideoParams

logger = logging.getLogger(__name__)


def end_video(video_predictions: pd.DataFrame) -> list[str]:
    """Say how many videos got which verdict; an error if none could be judged."""
    return ff.describe_ending(video_predictions, unit="videos")


def judge_videos(
    detector: Detector,
    videos: pd.DataFrame,
    video: VideoParams,
    inference: InferenceParams,
    scoring: ScoringParams,
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield, for each video, its row, the rows of its frames, and its page.

    A generator node: the catalog saves each video as it comes. Kedro splits what comes by
    `itertools.tee`, which holds the pages of up to 57 videos at a time, however many there are.
    """
    points = operating_points_of(detector)
    learnt_from = ff.describe_training_data(detector.training_data)
    logger.info(learnt_from)
    judged = ff.judge_videos(
        detector,
        videos,
        video,
        min_size=inference.min_size,
        batch_size=scoring.batch_size,
        engine=scoring.engine,
    )
    for one, page in ff.write_video_pages(judged, points, video, learnt_from):
        yield ff.video_row(one), ff.frame_rows(one, points), page
