"""Everything that was measured -> one page for people."""

from kedro.pipeline import Pipeline

from face_forgery.pipelines import step

from . import nodes

_JUDGED = ("detector", "metrics", "operating_points", "robustness", "audit")
_SECTIONS = {"evaluation": "params:evaluation"}


def create_pipeline() -> Pipeline:
    """Write the report; what has not been measured yet is left out of it, and says so."""
    return Pipeline(
        [
            step(
                nodes.write_report,
                {name: _SECTIONS.get(name, name) for name in nodes.REPORT_INPUTS},
                ["report", "report_zh"],
            ),
            step(nodes.end_report, {name: name for name in _JUDGED}, "report_ending"),
            step(
                nodes.write_model_card,
                {name: name for name in (*_JUDGED, "breakdown", "data_report")},
                ["model_card", "model_card_zh"],
            ),
        ]
    )
