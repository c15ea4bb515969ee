"""Detector + label file -> a submission that is accepted."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from .nodes import score_submission, validate_submission


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    rows = ["label_table", "val_manifest"]
    return Pipeline(
        [
            step(
                score_submission,
                ["detector", *rows, "params:data", "params:scoring", "params:submission"],
                "submission",
            ),
            step(validate_submission, ["submission", *rows], "submission_check"),
        ]
    )
