"""Labelled videos -> images of their faces, and one label table that names them."""

from .pipeline import create_pipeline as create_pipeline
