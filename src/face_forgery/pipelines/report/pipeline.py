"""Everything that was measured -> one page for people."""

from kedro.pipeline import Node, Pipeline

from . import nodes

_CARD_INPUTS = (
    "metrics",
    "operating_points",
    "breakdown",
    "data_report",
    "detector",
    "audit",
    "robustness",
)


def create_pipeline() -> Pipeline:
    """Write the report; what has not been measured yet is left out of it, and says so."""
    return Pipeline(
        [
            Node(
                nodes.write_report,
                inputs={name: name for name in nodes.REPORT_INPUTS},
                outputs="report",
                name="write_report",
            ),
            Node(
                nodes.end_report,
                inputs=["metrics", "operating_points", "robustness"],
                outputs="report_ending",
                name="end_report",
            ),
            Node(
                nodes.write_model_card,
                inputs={name: name for name in _CARD_INPUTS},
                outputs="model_card",
                name="write_model_card",
            ),
        ]
    )
