"""Detector + val_manifest -> scores, metrics, figures, report."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
