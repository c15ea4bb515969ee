"""Detector + your videos -> verdicts, scores over time, a page for each video."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    outputs = ["video_predictions", "video_frames", "video_pages"]
    return Pipeline(
        [make_node(nodes.judge_videos, outputs), make_node(nodes.end_video, "video_ending")]
    )
