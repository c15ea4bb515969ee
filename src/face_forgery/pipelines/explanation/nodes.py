"""Nodes of the explanation pipeline."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.inference.verdicts import operating_points_of
from face_forgery.modeling.detector import Detector
from face_forgery.params import ExplanationParams, InferenceParams


def write_explanations(
    detector: Detector,
    images: pd.DataFrame,
    inference: InferenceParams,
    explanation: ExplanationParams,
) -> Iterator[Any]:
    """Yield a page for each of the first images: heat map, regions, and views to check by eye.

    The last page is the index of the others.
    """
    first = images.head(explanation.max_images)
    explained = ff.explain_images(detector, first, min_size=inference.min_size)
    learnt_from = ff.describe_training_data(detector.training_data)
    yield from ff.write_pages(explained, operating_points_of(detector), learnt_from)
