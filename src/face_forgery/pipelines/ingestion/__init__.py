"""Label files and images -> manifest, rejected files, data report."""

from .pipeline import create_pipeline as create_pipeline
