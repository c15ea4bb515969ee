"""Manifest -> a detector a fold, each measured on the fold that it has never seen."""

from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline() -> Pipeline:
    """Train and measure fold by fold, then sum up."""
    return Pipeline(
        [
            Node(
                nodes.find_fold_landmarks,
                inputs={
                    "manifest": "manifest",
                    "landmark_file": "landmark_file",
                    "face_model": "face_model",
                    "data": "params:data",
                    "ingestion": "params:ingestion",
                    "faces": "params:faces",
                    "augmentation": "params:augmentation",
                },
                outputs="fold_landmarks",
                name="find_fold_landmarks",
            ),
            Node(
                nodes.train_folds,
                inputs={
                    "manifest": "manifest",
                    "image_hashes": "image_hashes",
                    "holdout_groups": "holdout_groups",
                    "face_table": "face_table",
                    "fold_landmarks": "fold_landmarks",
                    "data": "params:data",
                    "splitting": "params:splitting",
                    "model": "params:model",
                    "preprocessing": "params:preprocessing",
                    "augmentation": "params:augmentation",
                    "training": "params:training",
                    "scoring": "params:scoring",
                },
                outputs=["fold_scores", "fold_runs"],
                name="train_folds",
            ),
            Node(
                nodes.judge_folds,
                inputs={
                    "fold_scores": "fold_scores",
                    "fold_runs": "fold_runs",
                    "manifest": "manifest",
                    "splitting": "params:splitting",
                    "model": "params:model",
                    "preprocessing": "params:preprocessing",
                    "augmentation": "params:augmentation",
                    "training": "params:training",
                    "evaluation": "params:evaluation",
                },
                outputs=["cross_validation", "cross_validation_table"],
                name="judge_folds",
            ),
            Node(
                nodes.plot_folds,
                inputs="cross_validation",
                outputs="cross_validation_figure",
                name="plot_folds",
            ),
        ]
    )
