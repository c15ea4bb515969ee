"""Nodes of the inference pipeline."""

import pandas as pd

from face_forgery.inference.scoring import judge
from face_forgery.modeling.detector import Detector
from face_forgery.params import InferenceParams, ScoringParams


def judge_pictures(
    detector: Detector, pictures: pd.DataFrame, inference: InferenceParams, scoring: ScoringParams
) -> pd.DataFrame:
    """Give each picture a score and a verdict, or a status that says why it has none."""
    return judge(
        detector,
        pictures,
        min_size=inference.min_size,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
    )
