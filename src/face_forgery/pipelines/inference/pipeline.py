"""Detector + your images -> verdicts."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            make_node(nodes.judge_images, "predictions"),
            make_node(nodes.end_inference, "inference_ending"),
            make_node(nodes.explain_judged, "explanations_of_judged"),
        ]
    )
