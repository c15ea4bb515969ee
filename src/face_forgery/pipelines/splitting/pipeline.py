"""Manifest -> train_manifest and val_manifest with nothing in common."""

from kedro.pipeline import Node, Pipeline

from .nodes import hash_images, measure_features, split_manifest


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
                measure_features,
                inputs={
                    "manifest": "manifest",
                    "face_table": "face_table",
                    "known_features": "known_features",
                    "data": "params:data",
                    "splitting": "params:splitting",
                    "model": "params:model",
                    "preprocessing": "params:preprocessing",
                    "scoring": "params:scoring",
                    "training": "params:training",
                },
                outputs="backbone_features",
                name="measure_features",
            ),
            Node(
                split_manifest,
                inputs={
                    "manifest": "manifest",
                    "image_hashes": "image_hashes",
                    "backbone_features": "backbone_features",
                    "data": "params:data",
                    "splitting": "params:splitting",
                    "augmentation": "params:augmentation",
                },
                outputs=["train_manifest", "val_manifest", "val_folds", "split_report"],
                name="split_manifest",
            ),
        ]
    )
