"""Nodes of the sampling pipeline."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.data.labels.readers import LabelSource
from face_forgery.params import FacesParams, IngestionParams, SamplingParams


def read_videos(
    video_sets: dict[str, LabelSource], sampling: SamplingParams, ingestion: IngestionParams
) -> pd.DataFrame:
    """Return one table of the videos of all sets: ``VIDEO_COLUMNS`` and further ones."""
    return ff.read_videos(sampling.sets, video_sets, ingestion)


def record_sampling(
    begun_set: dict[str, Any],
    face_model: bytes | None,
    faces: FacesParams,
    sampling: SamplingParams,
) -> dict[str, Any]:
    """Return how the images are cut, for what is trained on them; ``begun_set`` may be added to."""
    finder = ff.finder_for(sampling, face_model, faces)
    model, params = (None, faces) if finder is None else (finder.model, finder.params)
    values = ff.finder_values(model, params)
    return {"sampling": sampling.model_dump(mode="json"), "finder": values}


def sample_videos(
    video_table: pd.DataFrame,
    begun_set: dict[str, Any],
    sampling_record: dict[str, Any],
    sampling: SamplingParams,
) -> Iterator[Any]:
    """Sample every video that is left, yielding one at a time.

    A generator node: the catalog writes each as it comes; memory stays flat. What is yielded first
    is empty: Kedro wants an output of every node, and there may be nothing left.
    """
    yield []
    finder = ff.FaceFinder.from_values(sampling_record["finder"])
    yield from ([done] for done in ff.sample_videos(video_table, begun_set, sampling, finder))


def tabulate_samples(
    video_table: pd.DataFrame, sampled_set: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the label table of the images, and the videos that gave none."""
    return ff.tabulate_samples(video_table, sampled_set)


def end_sampling(
    video_table: pd.DataFrame, sampled_set: dict[str, Any], sampling_rejected: pd.DataFrame
) -> list[str]:
    """Say how many images there are, and which videos gave none or few."""
    return ff.describe_samples(video_table, sampled_set, sampling_rejected)
