"""Parameters -> drawn faces, forgeries and their label files."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
