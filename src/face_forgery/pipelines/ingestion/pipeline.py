"""Label files and images -> manifest, rejected files, data report."""

from kedro.pipeline import Node, Pipeline

from face_forgery.data.labels.set_summary import describe_manifest

from .nodes import (
    build_manifest,
    inspect_images,
    list_rejected,
    locate_faces,
    plot_data,
    read_labels,
)


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            Node(
                read_labels,
                inputs=[
                    "train_labels",
                    "val_labels",
                    "test_labels",
                    "params:data",
                    "params:ingestion",
                ],
                outputs="label_table",
                name="read_labels",
            ),
            Node(
                inspect_images,
                inputs=["label_table", "known_facts", "params:data", "params:ingestion"],
                outputs="image_facts",
                name="inspect_images",
            ),
            Node(
                locate_faces,
                inputs={
                    "label_table": "label_table",
                    "image_facts": "image_facts",
                    "face_model": "face_model",
                    "data": "params:data",
                    "params": "params:ingestion",
                    "faces": "params:faces",
                },
                outputs=["face_table", "face_finder"],
                name="locate_faces",
            ),
            Node(
                list_rejected,
                inputs=["image_facts", "face_table"],
                outputs="rejected",
                name="list_rejected",
            ),
            Node(
                build_manifest,
                inputs=["label_table", "image_facts", "face_table", "rejected", "params:ingestion"],
                outputs="manifest",
                name="build_manifest",
            ),
            Node(
                describe_manifest,
                inputs=["manifest", "rejected"],
                outputs="data_report",
                name="summarize_data",
            ),
            Node(
                plot_data,
                inputs=["manifest", "params:data"],
                outputs="data_figure",
                name="plot_data",
            ),
        ]
    )
