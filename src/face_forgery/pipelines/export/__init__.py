"""Detector -> one ONNX file, and OpenVINO's files."""

from .pipeline import create_pipeline as create_pipeline
