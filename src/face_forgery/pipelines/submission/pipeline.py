"""Detector + label file -> a submission that is accepted."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            make_node(nodes.score_submission, "submission"),
            make_node(nodes.validate_submission, "submission_check"),
        ]
    )
