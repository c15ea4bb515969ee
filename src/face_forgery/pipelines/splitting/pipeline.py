"""Manifest -> train_manifest and val_manifest with nothing in common."""

from kedro.pipeline import Node, Pipeline

from .nodes import hash_images, name_holdout_groups, split_manifest


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                hash_images,
                inputs=["manifest", "params:data", "params:ingestion"],
                outputs="image_hashes",
                name="hash_images",
            ),
            Node(
                name_holdout_groups,
                inputs={
                    "manifest": "manifest",
                    "face_table": "face_table",
                    "data": "params:data",
                    "splitting": "params:splitting",
                    "model": "params:model",
                    "preprocessing": "params:preprocessing",
                    "scoring": "params:scoring",
                    "training": "params:training",
                },
                outputs="holdout_groups",
                name="name_holdout_groups",
            ),
            Node(
                split_manifest,
                inputs={
                    "manifest": "manifest",
                    "image_hashes": "image_hashes",
                    "holdout_groups": "holdout_groups",
                    "data": "params:data",
                    "splitting": "params:splitting",
                    "augmentation": "params:augmentation",
                },
                outputs=["train_manifest", "val_manifest", "val_holdout", "split_report"],
                name="split_manifest",
            ),
        ]
    )
