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

_JUDGED = ("detector", "metrics", "operating_points", "robustness", "audit")
_SECTIONS = {"evaluation": "params:evaluation"}


def create_pipeline() -> Pipeline:
    """Write the report; what has not been measured yet is left out of it, and says so."""
    return Pipeline(
        [
            Node(
                nodes.write_report,
                inputs={name: _SECTIONS.get(name, name) for name in nodes.REPORT_INPUTS},
                outputs=["report", "report_zh"],
                name="write_report",
            ),
            Node(
                nodes.end_report,
                inputs={name: name for name in _JUDGED},
                outputs="report_ending",
                name="end_report",
            ),
            Node(
                nodes.write_model_card,
                inputs={name: name for name in _CARD_INPUTS},
                outputs=["model_card", "model_card_zh"],
                name="write_model_card",
            ),
        ]
    )
