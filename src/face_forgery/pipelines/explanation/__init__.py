"""Detector + anybody's images -> a page an image that says why."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
