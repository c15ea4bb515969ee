"""Manifests -> a checkpoint and a report an epoch -> the best detector."""

from kedro.pipeline import Node, Pipeline

from .nodes import (
    build_train_loader,
    build_val_loader,
    find_train_landmarks,
    fingerprint_data,
    plot_training,
    select_checkpoint,
    train_detector,
)


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                find_train_landmarks,
                inputs={
                    "train_manifest": "train_manifest",
                    "landmark_file": "landmark_file",
                    "face_model": "face_model",
                    "data": "params:data",
                    "ingestion": "params:ingestion",
                    "faces": "params:faces",
                    "augmentation": "params:augmentation",
                },
                outputs="train_landmarks",
                name="find_train_landmarks",
            ),
            Node(
                build_train_loader,
                inputs={
                    "train_manifest": "train_manifest",
                    "face_table": "face_table",
                    "train_landmarks": "train_landmarks",
                    "data": "params:data",
                    "preprocessing": "params:preprocessing",
                    "augmentation": "params:augmentation",
                    "training": "params:training",
                },
                outputs="train_loader",
                name="build_train_loader",
            ),
            Node(
                build_val_loader,
                inputs={
                    "val_manifest": "val_manifest",
                    "face_table": "face_table",
                    "data": "params:data",
                    "preprocessing": "params:preprocessing",
                    "scoring": "params:scoring",
                },
                outputs="val_loader",
                name="build_val_loader",
            ),
            Node(
                train_detector,
                inputs={
                    "train_loader": "train_loader",
                    "val_loader": "val_loader",
                    "val_holdout": "val_holdout",
                    "model": "params:model",
                    "training": "params:training",
                    "cluster": "params:cluster",
                    "resume_from": "resume_from",
                },
                outputs=["epoch_weights", "training_history", "training_state"],
                name="train_detector",
            ),
            Node(
                plot_training,
                inputs=["training_history", "params:training"],
                outputs="training_figure",
                name="plot_training",
            ),
            Node(
                fingerprint_data,
                inputs=["train_manifest", "val_manifest"],
                outputs="data_fingerprint",
                name="fingerprint_data",
            ),
            Node(
                select_checkpoint,
                inputs={
                    "epoch_weights": "epoch_weights",
                    "train_manifest": "train_manifest",
                    "data": "params:data",
                    "training_history": "training_history",
                    "model": "params:model",
                    "preprocessing": "params:preprocessing",
                    "augmentation": "params:augmentation",
                    "training": "params:training",
                    "face_finder": "face_finder",
                    "data_fingerprint": "data_fingerprint",
                    "code_version": "code_version",
                },
                outputs="trained_detector",
                name="select_checkpoint",
            ),
        ]
    )
