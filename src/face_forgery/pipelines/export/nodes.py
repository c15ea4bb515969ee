"""Nodes of the export pipeline."""

import face_forgery as ff
from face_forgery.modeling.detector import Detector


def export_detector(detector: Detector) -> bytes:
    """Turn the detector into an ONNX file whose scores agree with its own."""
    return ff.export_onnx(detector)


def export_for_openvino(detector: Detector) -> dict[str, bytes]:
    """Turn the detector into OpenVINO's two files, in its own precision."""
    return ff.export_openvino(detector)
