"""Parameters -> drawn faces, forgeries and their label files."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from .nodes import draw_demo_set


def create_pipeline() -> Pipeline:
    """Draw the demo set, or any other drawn set: number, size, seed and folder are parameters."""
    return Pipeline([make_node(draw_demo_set, "demo_set")])
