"""Nodes of the robustness pipeline."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import face_forgery as ff
from face_forgery.inference.verdicts import operating_points_of
from face_forgery.modeling.detector import Detector
from face_forgery.params import DataParams, EvaluationParams, RobustnessParams, ScoringParams

_COLUMNS = ["img_name", "path", "target", "group", "kind", "source"]
_CLEAN = "clean"


def score_degraded(
    *,
    detector: Detector,
    val_scores: pd.DataFrame,
    data: DataParams,
    scoring: ScoringParams,
    robustness: RobustnessParams,
    evaluation: EvaluationParams,
) -> pd.DataFrame:
    """Score images that the thresholds were not chosen on, clean and in every degraded state."""
    is_verified = operating_points_of(detector).is_verified
    fresh = ff.select_verification(val_scores, is_verified=is_verified)
    subset = ff.choose_subset(fresh, robustness.num_images, seed=evaluation.seed)
    states = ff.list_degradations(robustness.families)
    scores = ff.score_degraded(
        detector,
        [Path(data.root) / path for path in subset["path"]],
        states,
        num_workers=scoring.num_workers,
        engine=scoring.engine,
    )
    columns = pd.DataFrame(scores, columns=[_CLEAN, *(state.key for state in states)])
    return pd.concat([subset[_COLUMNS].reset_index(drop=True), columns], axis=1)


def judge_robustness(
    detector: Detector,
    robustness_scores: pd.DataFrame,
    robustness: RobustnessParams,
    evaluation: EvaluationParams,
) -> dict[str, Any]:
    """Measure what each degradation costs."""
    states = ff.list_degradations(robustness.families)
    targets = robustness_scores["target"].to_numpy(dtype=np.int64)
    clean, cells = ff.judge_degraded(
        robustness_scores[_CLEAN].to_numpy(),
        robustness_scores[[state.key for state in states]].to_numpy(),
        targets,
        robustness_scores["group"].to_numpy(),
        ff.Bootstrap.of(evaluation),
        fake_threshold=operating_points_of(detector).fake_threshold,
    )
    return {
        "detector": detector.identity(),
        "num_real": int((targets == 0).sum()),
        "num_fake": int((targets == 1).sum()),
        "seed": evaluation.seed,
        "confidence": evaluation.confidence,
        "clean": clean,
        "cells": [state.describe() | cell for state, cell in zip(states, cells, strict=True)],
    }


def plot_robustness(robustness: dict[str, Any]) -> Any:
    """Draw the AUC of every cell as one map."""
    return ff.draw_robustness(robustness)
