"""Detector -> one ONNX file."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
