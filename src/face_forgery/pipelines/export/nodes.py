"""Nodes of the export pipeline."""

from face_forgery.modeling.detector import Detector


def export_detector(detector: Detector) -> bytes:
    """Turn the detector into an ONNX file whose scores agree with its own."""
    from face_forgery.modeling.export import export_onnx

    return export_onnx(detector)
