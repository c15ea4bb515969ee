"""Manifests -> a checkpoint and a report an epoch -> the best detector."""

from kedro.pipeline import Pipeline


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([])
