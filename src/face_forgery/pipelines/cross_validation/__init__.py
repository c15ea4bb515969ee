"""Manifest -> a detector a fold, each measured on the fold that it has never seen."""

from .pipeline import create_pipeline as create_pipeline
