"""Detector + val_scores -> what degradations cost, cell by cell."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Score validation images in many degraded states and compare with the clean ones."""
    return Pipeline(
        [
            make_node(nodes.score_degraded, "robustness_scores"),
            make_node(nodes.judge_robustness, "robustness"),
            make_node(nodes.plot_robustness, "robustness_figure"),
        ]
    )
