"""Real images and their landmarks -> a labelled set of forgeries."""

from .pipeline import create_pipeline as create_pipeline
