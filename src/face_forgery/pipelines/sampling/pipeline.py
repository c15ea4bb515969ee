"""Labelled videos -> images of their faces, and one label table that names them."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Sample the videos of ``sampling.sets``; what an earlier run has left is not done again."""
    return Pipeline(
        [
            make_node(nodes.read_videos, "video_table"),
            make_node(nodes.record_sampling, "sampling_record"),
            make_node(nodes.sample_videos, "sampled_set"),
            make_node(nodes.tabulate_samples, ["sampled_labels", "sampling_rejected"]),
            make_node(nodes.end_sampling, "sampling_ending"),
        ]
    )
