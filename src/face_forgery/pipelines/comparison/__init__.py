"""Scores of several detectors -> who is better, and by how much."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
