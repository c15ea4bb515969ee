"""Detector + your images -> a page for each image that says why."""

from kedro.pipeline import Node, Pipeline

from .nodes import write_explanations


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                write_explanations,
                inputs=["detector", "images", "params:inference", "params:explanation"],
                outputs=["explanations", "explanation_ending"],
                name="write_explanations",
            )
        ]
    )
