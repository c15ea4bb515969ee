"""Manifests + hashes -> shortcuts and leaks of the set."""

from .pipeline import create_pipeline as create_pipeline
