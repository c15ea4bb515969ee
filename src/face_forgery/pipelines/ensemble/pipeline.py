"""Evaluated detectors -> one detector that is still to be evaluated."""

from kedro.pipeline import Node, Pipeline

from .nodes import join_detectors


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                join_detectors,
                inputs={
                    "member_detectors": "member_detectors",
                    "train_manifest": "train_manifest",
                    "val_manifest": "val_manifest",
                    "code_version": "code_version",
                    "ensemble": "params:ensemble",
                    "model": "params:model",
                },
                outputs="trained_detector",
                name="join_detectors",
            )
        ]
    )
