"""Manifest -> train_manifest and val_manifest with nothing in common."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            make_node(nodes.hash_images, "image_hashes"),
            make_node(nodes.name_holdout_groups, "holdout_groups"),
            make_node(
                nodes.split_manifest,
                ["train_manifest", "val_manifest", "val_holdout", "split_report"],
            ),
        ]
    )
