"""Detector + val_scores -> what degradations cost, cell by cell."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
