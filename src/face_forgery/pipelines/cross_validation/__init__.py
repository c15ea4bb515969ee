"""Manifest -> a detector a fold, each measured on the fold that it has never seen."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
