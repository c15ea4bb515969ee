"""Detector + your images -> a page for each image that says why."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from .nodes import write_explanations


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            step(
                write_explanations,
                ["detector", "images", "params:inference", "params:explanation"],
                ["explanations", "explanation_ending"],
            )
        ]
    )
