"""Scores of several detectors -> who is better, and by how much."""

from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline() -> Pipeline:
    """Compare two or more detectors on the images that all of them scored."""
    return Pipeline(
        [
            Node(
                nodes.align_scores,
                inputs="score_sets",
                outputs="aligned_scores",
                name="align_scores",
            ),
            Node(
                nodes.compare_detectors,
                inputs=["aligned_scores", "params:evaluation"],
                outputs=["comparison", "comparison_table"],
                name="compare_detectors",
            ),
            Node(
                nodes.plot_comparison,
                inputs=["aligned_scores", "comparison"],
                outputs="comparison_figure",
                name="plot_comparison",
            ),
        ]
    )
