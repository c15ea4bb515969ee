"""Nodes of the explanation pipeline."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.inference.verdicts import PREDICTION_COLUMNS, operating_points_of
from face_forgery.modeling.detector import Detector
from face_forgery.modeling.familiarity import UNFAMILIAR
from face_forgery.params import DataParams, ExplanationParams, InferenceParams, ScoringParams


def write_explanations(
    *,
    detector: Detector,
    images: pd.DataFrame,
    inference: InferenceParams,
    scoring: ScoringParams,
    explanation: ExplanationParams,
    seen_images: pd.DataFrame | None,
    data: DataParams,
) -> Iterator[tuple[Any, list[str]]]:
    """Yield a page for each of the first images: heat map, regions, and views to check by eye.

    The last page brings the index of all, and comes with how many images got which verdict.
    """
    first = images.head(explanation.max_images)
    explained = ff.explain_images(
        detector,
        first,
        min_size=inference.min_size,
        engine=scoring.engine,
        seen=ff.SeenImages.of(detector, seen_images, data.root),
    )
    learnt_from = ff.describe_training_data(detector.training_data)
    rows = []
    for image, page in ff.write_pages(explained, operating_points_of(detector), learnt_from):
        found = image.explanation
        verdict, status = None if found is None else found.verdict, image.status
        if verdict == UNFAMILIAR:
            verdict, status = None, UNFAMILIAR
        score = None if found is None else found.score
        rows.append((image.img_name, score, verdict, status, image.detail))
        yield page, []
    judged = pd.DataFrame(rows, columns=list(PREDICTION_COLUMNS))
    yield page, ff.describe_ending(judged, unit="images")  # the last page again, and the lines
