"""Detector + your images -> verdicts."""

from kedro.pipeline import Node, Pipeline

from .nodes import explain_judged, judge_pictures


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                judge_pictures,
                inputs={
                    "detector": "detector",
                    "pictures": "pictures",
                    "begun": "predictions_begun",
                    "inference": "params:inference",
                    "scoring": "params:scoring",
                    "cluster": "params:cluster",
                },
                outputs="predictions",
                name="judge_pictures",
            ),
            Node(
                explain_judged,
                inputs=[
                    "detector",
                    "pictures",
                    "predictions",
                    "params:inference",
                    "params:explanation",
                ],
                outputs="explanations_of_judged",
                name="explain_judged",
            ),
        ]
    )
