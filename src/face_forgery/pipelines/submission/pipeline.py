"""Detector + label file -> a submission that is accepted."""

from kedro.pipeline import Pipeline


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([])
