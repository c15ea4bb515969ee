"""Everything that was measured -> one page for people."""

from collections.abc import Callable, Iterable
from typing import Any

from kedro.pipeline import Node, Pipeline

from . import nodes

_JUDGED = ("detector", "metrics", "operating_points", "robustness", "audit")
_SECTIONS = {"evaluation": "params:evaluation"}


def create_pipeline() -> Pipeline:
    """Write the report; what has not been measured yet is left out of it, and says so."""
    card = (*_JUDGED, "breakdown", "data_report")
    return Pipeline(
        [
            _make_node(nodes.write_report, nodes.REPORT_INPUTS, ["report", "report_zh"]),
            _make_node(nodes.end_report, _JUDGED, "report_ending"),
            _make_node(nodes.write_model_card, card, ["model_card", "model_card_zh"]),
        ]
    )


def _make_node(
    function: Callable[..., Any], names: Iterable[str], outputs: str | list[str]
) -> Node:
    inputs = {name: _SECTIONS.get(name, name) for name in names}
    return Node(function, inputs=inputs, outputs=outputs, name=function.__name__)
