"""Detector + val_scores -> what degradations cost, cell by cell."""

from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline() -> Pipeline:
    """Score validation images in many degraded states and compare with the clean ones."""
    return Pipeline(
        [
            Node(
                nodes.score_degraded,
                inputs={
                    "detector": "detector",
                    "val_scores": "val_scores",
                    "data": "params:data",
                    "scoring": "params:scoring",
                    "robustness": "params:robustness",
                    "evaluation": "params:evaluation",
                },
                outputs="robustness_scores",
                name="score_degraded",
            ),
            Node(
                nodes.judge_robustness,
                inputs=[
                    "detector",
                    "robustness_scores",
                    "params:robustness",
                    "params:evaluation",
                ],
                outputs="robustness",
                name="judge_robustness",
            ),
            Node(
                nodes.plot_robustness,
                inputs="robustness",
                outputs="robustness_figure",
                name="plot_robustness",
            ),
        ]
    )
