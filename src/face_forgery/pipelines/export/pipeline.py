"""Detector -> one ONNX file, and OpenVINO's files."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from .nodes import export_detector, export_for_openvino


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            make_node(export_detector, "onnx_detector"),
            make_node(export_for_openvino, "openvino_detector"),
        ]
    )
