"""Manifests + hashes -> shortcuts and leaks of the set."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import make_node

from . import nodes


def create_pipeline() -> Pipeline:
    """Search the labelled images for ways to the label that do not lead through the face."""
    return Pipeline(
        [
            make_node(nodes.measure_statistics, ["audit_sample", "audit_statistics"]),
            make_node(nodes.probe_shortcuts, "shortcuts"),
            make_node(nodes.find_overlaps, "overlaps"),
            make_node(nodes.write_audit, "audit"),
            make_node(nodes.plot_audit, "audit_figure"),
        ]
    )
