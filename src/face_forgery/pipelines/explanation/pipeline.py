"""Detector + your images -> a page for each image that says why."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([make_node(nodes.write_explanations, ["explanations", "explanation_ending"])])
