"""Detector -> one ONNX file."""

from kedro.pipeline import Node, Pipeline

from .nodes import export_detector


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                export_detector,
                inputs="detector",
                outputs="onnx_detector",
                name="export_detector",
            )
        ]
    )
