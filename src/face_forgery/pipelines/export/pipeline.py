"""Detector -> one ONNX file."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from .nodes import export_detector


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([make_node(export_detector, "onnx_detector")])
