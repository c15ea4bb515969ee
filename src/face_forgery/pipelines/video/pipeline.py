"""Detector + your videos -> verdicts, scores over time, a page for each video."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from .nodes import end_video, judge_videos


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            step(
                judge_videos,
                ["detector", "videos", "params:video", "params:inference", "params:scoring"],
                ["video_predictions", "video_frames", "video_pages"],
            ),
            step(end_video, "video_predictions", "video_ending"),
        ]
    )
