"""Scores of several detectors -> who is better, and by how much."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from . import nodes


def create_pipeline() -> Pipeline:
    """Compare two or more detectors on the images that all of them scored."""
    return Pipeline(
        [
            step(nodes.align_scores, "score_sets", "aligned_scores"),
            step(
                nodes.compare_detectors,
                ["aligned_scores", "params:evaluation"],
                ["comparison", "comparison_table"],
            ),
            step(nodes.plot_comparison, ["aligned_scores", "comparison"], "comparison_figure"),
        ]
    )
