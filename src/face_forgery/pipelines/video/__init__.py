"""Detector + anybody's videos -> verdicts, scores over time, a page a video."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
