"""Manifests -> a checkpoint and a report an epoch -> the best detector."""

from .pipeline import create_pipeline as create_pipeline
