"""Real images and their landmarks -> a labelled set of forgeries."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from .nodes import find_landmarks, forge_images


def create_pipeline() -> Pipeline:
    """Forge the real images of the manifest; it comes from the pipeline ingestion."""
    return Pipeline(
        [make_node(find_landmarks, "landmark_table"), make_node(forge_images, "forged_set")]
    )
