"""A frozen detector + labelled sets -> how good it is there, and whether its promise held."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
