"""Real images and their landmarks -> a labelled set of forgeries."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
