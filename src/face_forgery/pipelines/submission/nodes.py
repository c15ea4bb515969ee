"""Nodes of the submission pipeline."""

from pathlib import Path
from typing import Any

import pandas as pd

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
    from face_forgery.inference.submission import score_rows, submission_rows

    return score_rows(
        detector,
        submission_rows(label_table, val_manifest),
        Path(data.root),
        unreadable_score=submission.unreadable_score,
        batch_size=scoring.batch_size,
        num_workers=scoring.num_workers,
    )


def validate_submission(
    submission: pd.DataFrame, label_table: pd.DataFrame, val_manifest: pd.DataFrame
) -> dict[str, Any]:
    """Check the submission as it was written against the label file."""
    from face_forgery.inference.submission import (
        check_submission,
        submission_rows,
        summarize_submission,
    )

    expected = submission_rows(label_table, val_manifest)["img_name"]
    return summarize_submission(check_submission(submission, expected))
