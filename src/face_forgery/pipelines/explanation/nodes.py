"""Nodes of the explanation pipeline."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

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
    from face_forgery.inference.explanation.explain import explain_images
    from face_forgery.inference.explanation.explanation_page import write_pages

    first = images.head(explanation.max_images)
    explained = explain_images(detector, first, min_size=inference.min_size)
    yield from write_pages(explained, operating_points_of(detector))
