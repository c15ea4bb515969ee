"""Parameters -> drawn faces, forgeries and their label files."""

from .pipeline import create_pipeline as create_pipeline
