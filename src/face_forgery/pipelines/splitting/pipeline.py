"""Manifest -> train_manifest and val_manifest with nothing in common."""

from kedro.pipeline import Pipeline


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([])
