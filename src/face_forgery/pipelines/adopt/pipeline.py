"""A model that was trained elsewhere -> a detector that is still to be evaluated."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from .nodes import adopt_model


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([make_node(adopt_model, "trained_detector")])
