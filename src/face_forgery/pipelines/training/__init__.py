"""Manifests -> a checkpoint and a report an epoch -> the best detector."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
