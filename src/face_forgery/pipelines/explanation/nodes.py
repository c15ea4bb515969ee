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
) -> Iterator[tuple[Any, list[str]]]:
    """Yield a page for each of the first images: heat map, regions, and views to check by eye.

    The last page is the index of the others, and comes with how many images got which verdict.
    """
    first = images.head(explanation.max_images)
    rows: list[tuple[Any, ...]] = []

    def explain() -> Iterator[Any]:
        for image in ff.explain_images(detector, first, min_size=inference.min_size):
            found = image.explanation
            said = (None, None) if found is None else (found.score, found.verdict)
            rows.append((image.img_name, *said, image.status, image.detail))
            yield image

    learnt_from = ff.describe_training_data(detector.training_data)
    for page in ff.write_pages(explain(), operating_points_of(detector), learnt_from):
        yield page, []
    judged = pd.DataFrame(rows, columns=["img_name", "y_pred", "verdict", "status", "detail"])
    yield page, ff.describe_ending(judged, unit="images")  # the index again, and the lines
