"""Manifest -> train_manifest and val_manifest with nothing in common."""

from .pipeline import create_pipeline as create_pipeline
