"""Nodes of the comparison."""

from typing import Any

import numpy as np
import pandas as pd

import face_forgery as ff
from face_forgery.params import EvaluationParams


def align_scores(score_sets: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Bring the scores of all detectors together, image by image."""
    return ff.align_scores(score_sets)


def compare_detectors(
    aligned_scores: pd.DataFrame, evaluation: EvaluationParams
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Measure each detector and the difference of each two; also as a table for people."""
    comparison = ff.compare_detectors(
        ff.scores_by_name(aligned_scores),
        aligned_scores["target"].to_numpy(dtype=np.int64),
        aligned_scores["group"].to_numpy(),
        ff.Bootstrap.of(evaluation),
    )
    rows = [
        {"what": name} | _flatten(measured, ff.MEASURES)
        for name, measured in comparison["detectors"].items()
    ]
    rows += [
        {"what": f"{pair['first']} less {pair['second']}"}
        | _flatten(pair, ff.MEASURES)
        | {"delong_p_value": pair["delong"]["p_value"]}
        for pair in comparison["pairs"]
    ]
    return comparison, pd.DataFrame(rows)


def plot_comparison(aligned_scores: pd.DataFrame, comparison: dict[str, Any]) -> Any:
    """Draw the ROC curves over each other."""
    targets = aligned_scores["target"].to_numpy(dtype=np.int64)
    return ff.draw_comparison(ff.scores_by_name(aligned_scores), targets, comparison)


def _flatten(measured: dict[str, Any], measures: tuple[str, ...]) -> dict[str, float]:
    return {
        name if part == "value" else f"{name}_{part}": measured[name][part]
        for name in measures
        for part in ("value", "low", "high")
    }
