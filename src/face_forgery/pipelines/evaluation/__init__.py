"""Detector + val_manifest -> scores, metrics, figures."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
