"""Detector + anybody's pictures -> a page a picture that says why."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
