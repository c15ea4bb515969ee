"""Nodes of the submission pipeline."""

from pathlib import Path
from typing import Any

import pandas as pd

import face_forgery as ff
from face_forgery.modeling.detector import Detector
from face_forgery.params import DataParams, ScoringParams, SubmissionParams


def score_submission(
    *,
    detector: Detector,
    label_table: pd.DataFrame,
    val_manifest: pd.DataFrame,
    data: DataParams,
    scoring: ScoringParams,
    submission: SubmissionParams,
) -> pd.DataFrame:
    """Score the test images, or those of validation where there is no test set."""
    return ff.score_rows(
        detector,
        ff.submission_rows(label_table, val_manifest),
        Path(data.root),
        unreadable_score=submission.unreadable_score,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
        engine=scoring.engine,
    )


def validate_submission(
    submission: pd.DataFrame, label_table: pd.DataFrame, val_manifest: pd.DataFrame
) -> dict[str, Any]:
    """Check the submission as it was written against the label file."""
    expected = ff.submission_rows(label_table, val_manifest)["img_name"]
    return ff.summarize_submission(ff.check_submission(submission, expected))
