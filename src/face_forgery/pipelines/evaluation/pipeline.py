"""Detector + val_manifest -> scores, metrics, figures, report."""

from kedro.pipeline import Pipeline


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline([])
