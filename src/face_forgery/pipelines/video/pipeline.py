"""Detector + your videos -> verdicts, scores over time, a page for each video."""

from kedro.pipeline import Node, Pipeline

from .nodes import end_video, judge_videos


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                judge_videos,
                inputs=[
                    "detector",
                    "videos",
                    "params:video",
                    "params:inference",
                    "params:scoring",
                ],
                outputs=["video_predictions", "video_frames", "video_pages"],
                name="judge_videos",
            ),
            Node(
                end_video,
                inputs="video_predictions",
                outputs="video_ending",
                name="end_video",
            ),
        ]
    )
