"""Manifests + hashes -> shortcuts and leaks of the set."""

from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline() -> Pipeline:
    """Search the labelled images for ways to the label that do not lead through the face."""
    return Pipeline(
        [
            Node(
                nodes.measure_statistics,
                inputs={
                    "train_manifest": "train_manifest",
                    "val_manifest": "val_manifest",
                    "data": "params:data",
                    "ingestion": "params:ingestion",
                    "audit": "params:audit",
                    "evaluation": "params:evaluation",
                },
                outputs=["audit_sample", "audit_statistics"],
                name="measure_statistics",
            ),
            Node(
                nodes.probe_shortcuts,
                inputs=["audit_sample", "audit_statistics", "params:audit", "params:evaluation"],
                outputs="shortcuts",
                name="probe_shortcuts",
            ),
            Node(
                nodes.find_overlaps,
                inputs=["train_manifest", "val_manifest", "image_hashes", "split_report"],
                outputs="overlaps",
                name="find_overlaps",
            ),
            Node(
                nodes.write_audit,
                inputs=["train_manifest", "val_manifest", "shortcuts", "overlaps", "params:audit"],
                outputs="audit",
                name="write_audit",
            ),
            Node(nodes.plot_audit, inputs="audit", outputs="audit_figure", name="plot_audit"),
        ]
    )
