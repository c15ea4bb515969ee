"""Scores of several detectors -> who is better, and by how much."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Compare two or more detectors on the images that all of them scored."""
    return Pipeline(
        [
            make_node(nodes.align_scores, "aligned_scores"),
            make_node(nodes.compare_detectors, ["comparison", "comparison_table"]),
            make_node(nodes.plot_comparison, "comparison_figure"),
        ]
    )
