"""Manifest -> a detector a fold, each measured on the fold that it has never seen."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Train and measure fold by fold, then sum up."""
    return Pipeline(
        [
            make_node(nodes.find_fold_landmarks, "fold_landmarks"),
            make_node(nodes.train_folds, ["fold_scores", "fold_runs"]),
            make_node(nodes.judge_folds, ["cross_validation", "cross_validation_table"]),
            make_node(nodes.plot_folds, "cross_validation_figure"),
        ]
    )
