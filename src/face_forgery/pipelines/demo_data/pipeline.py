"""Parameters -> drawn faces, forgeries and their label files."""

from kedro.pipeline import Node, Pipeline

from .nodes import draw_demo_set


def create_pipeline() -> Pipeline:
    """Draw the demo set, or any other drawn set: number, size, seed and folder are parameters."""
    return Pipeline(
        [
            Node(
                draw_demo_set,
                inputs="params:demo_data",
                outputs="demo_set",
                name="draw_demo_set",
            )
        ]
    )
