"""Manifest -> train_manifest and val_manifest with nothing in common."""

from kedro.pipeline import Node, Pipeline

from .nodes import hash_images, split_manifest


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
                split_manifest,
                inputs=[
                    "manifest",
                    "image_hashes",
                    "params:data",
                    "params:splitting",
                    "params:augmentation",
                ],
                outputs=["train_manifest", "val_manifest", "split_report"],
                name="split_manifest",
            ),
        ]
    )
