"""Manifests -> a checkpoint and a report an epoch -> the best detector."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            make_node(nodes.find_train_landmarks, "train_landmarks"),
            make_node(nodes.build_train_loader, "train_loader"),
            make_node(nodes.build_val_loader, "val_loader"),
            make_node(
                nodes.train_detector, ["epoch_weights", "training_history", "training_state"]
            ),
            make_node(nodes.plot_training, "training_figure"),
            make_node(nodes.fingerprint_data, "data_fingerprint"),
            make_node(nodes.select_checkpoint, "trained_detector"),
        ]
    )
