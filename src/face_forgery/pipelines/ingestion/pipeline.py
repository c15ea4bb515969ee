"""Label files and images -> manifest, rejected files, data report."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Build the pipeline."""
    return Pipeline(
        [
            make_node(nodes.read_labels, ["label_table", "unlisted"]),
            make_node(nodes.inspect_images, "image_facts"),
            make_node(nodes.locate_faces, ["face_table", "face_finder"]),
            make_node(nodes.list_rejected, "rejected"),
            make_node(nodes.build_manifest, "manifest"),
            make_node(nodes.summarize_data, "data_report"),
            make_node(nodes.plot_data, "data_figure"),
        ]
    )
