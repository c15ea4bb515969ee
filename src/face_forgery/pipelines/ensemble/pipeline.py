"""Evaluated detectors -> one detector that is still to be evaluated."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from .nodes import join_detectors


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([make_node(join_detectors, "trained_detector")])
