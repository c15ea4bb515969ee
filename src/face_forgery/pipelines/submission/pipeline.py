"""Detector + label file -> a submission that is accepted."""

from kedro.pipeline import Node, Pipeline

from .nodes import score_submission, validate_submission


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                score_submission,
                inputs={
                    "detector": "detector",
                    "label_table": "label_table",
                    "val_manifest": "val_manifest",
                    "data": "params:data",
                    "scoring": "params:scoring",
                    "submission": "params:submission",
                },
                outputs="submission",
                name="score_submission",
            ),
            Node(
                validate_submission,
                inputs=["submission", "label_table", "val_manifest"],
                outputs="submission_check",
                name="validate_submission",
            ),
        ]
    )
