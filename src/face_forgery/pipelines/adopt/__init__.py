"""A model that was trained elsewhere -> a detector that is still to be evaluated."""

from .pipeline import create_pipeline as create_pipeline
