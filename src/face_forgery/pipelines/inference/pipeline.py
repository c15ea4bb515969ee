"""Detector + your images -> verdicts."""

from kedro.pipeline import Node, Pipeline

from .nodes import end_inference, explain_judged, judge_images


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                judge_images,
                inputs={
                    "detector": "detector",
                    "images": "images",
                    "begun": "predictions_begun",
                    "inference": "params:inference",
                    "scoring": "params:scoring",
                    "cluster": "params:cluster",
                },
                outputs="predictions",
                name="judge_images",
            ),
            Node(
                end_inference,
                inputs="predictions",
                outputs="inference_ending",
                name="end_inference",
            ),
            Node(
                explain_judged,
                inputs=[
                    "detector",
                    "images",
                    "predictions",
                    "params:inference",
                    "params:explanation",
                ],
                outputs="explanations_of_judged",
                name="explain_judged",
            ),
        ]
    )
