"""Detector + val_scores -> what degradations cost, cell by cell."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from . import nodes


def create_pipeline() -> Pipeline:
    """Score validation images in many degraded states and compare with the clean ones."""
    return Pipeline(
        [
            step(
                nodes.score_degraded,
                [
                    "detector",
                    "val_scores",
                    "params:data",
                    "params:scoring",
                    "params:robustness",
                    "params:evaluation",
                ],
                "robustness_scores",
            ),
            step(
                nodes.judge_robustness,
                ["detector", "robustness_scores", "params:robustness", "params:evaluation"],
                "robustness",
            ),
            step(nodes.plot_robustness, "robustness", "robustness_figure"),
        ]
    )
