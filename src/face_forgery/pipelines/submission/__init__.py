"""Detector + label file -> a submission that is accepted."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
