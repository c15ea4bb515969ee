"""Manifests + hashes -> shortcuts and leaks of the set."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
