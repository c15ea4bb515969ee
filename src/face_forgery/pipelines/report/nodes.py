"""Nodes of the report."""

import logging
from typing import Any

import face_forgery as ff
from face_forgery.evaluation.reporting.report import list_inputs, robustness_of
from face_forgery.modeling.detector import Detector

logger = logging.getLogger(__name__)
REPORT_INPUTS = list_inputs()


def write_report(**results: Any) -> tuple[str, str]:
    """Write everything that was measured into one page for people, in English and Chinese.

    The judgement is said in the log, too.
    """
    names = ("detector", "metrics", "operating_points", "robustness", "audit")
    for line in ff.list_findings(ff.judge_detector(**{name: results[name] for name in names})):
        logger.info(line)
    return ff.render_report("en", **results), ff.render_report("zh", **results)


def end_report(
    metrics: dict[str, Any],
    operating_points: dict[str, Any],
    robustness: dict[str, Any] | None,
    detector: Detector,
) -> list[str]:
    """Say in a few lines what was measured."""
    return ff.describe_results(metrics, operating_points, robustness_of(detector, robustness))


def write_model_card(*, detector: Detector, **results: Any) -> tuple[str, str]:
    """Write what the detector is and how far it can be trusted, in English and Chinese."""
    english, chinese = (
        ff.render_model_card(detector, language, **results) for language in ("en", "zh")
    )
    return english, chinese
