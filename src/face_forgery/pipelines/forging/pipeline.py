"""Real images and their landmarks -> a labelled set of forgeries."""

from kedro.pipeline import Node, Pipeline

from .nodes import find_landmarks, forge_images


def create_pipeline() -> Pipeline:
    """Forge the real images of the manifest; it comes from the pipeline ingestion."""
    return Pipeline(
        [
            Node(
                find_landmarks,
                inputs={
                    "manifest": "manifest",
                    "landmark_file": "landmark_file",
                    "face_model": "face_model",
                    "data": "params:data",
                    "ingestion": "params:ingestion",
                    "faces": "params:faces",
                },
                outputs="landmark_table",
                name="find_landmarks",
            ),
            Node(
                forge_images,
                inputs=["manifest", "landmark_table", "params:data", "params:forging"],
                outputs="forged_set",
                name="forge_images",
            ),
        ]
    )
