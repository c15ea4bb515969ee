"""Detector + your images -> verdicts."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from .nodes import end_inference, explain_judged, judge_images


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            step(
                judge_images,
                [
                    "detector",
                    "images",
                    "predictions_begun",
                    "params:inference",
                    "params:scoring",
                    "params:cluster",
                ],
                "predictions",
            ),
            step(end_inference, "predictions", "inference_ending"),
            step(
                explain_judged,
                ["detector", "images", "predictions", "params:inference", "params:explanation"],
                "explanations_of_judged",
            ),
        ]
    )
