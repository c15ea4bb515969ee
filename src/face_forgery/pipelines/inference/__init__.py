"""Detector + anybody's pictures -> verdicts."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
