"""A judged validation set for the figures and the report."""

from copy import deepcopy
from functools import cache

import numpy as np
import pandas as pd
import pytest

from face_forgery.data.splits.calibration_split import (
    CALIBRATION,
    VERIFICATION,
    choose_calibration_split,
)
from face_forgery.evaluation.breakdown import break_down
from face_forgery.evaluation.calibration import apply_temperature, calibrate
from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.metrics.metric_report import evaluate
from face_forgery.evaluation.operating_points import set_operating_points
from face_forgery.evaluation.reporting.image_figures import find_worst
from face_forgery.inference.verdicts import decide
from face_forgery.modeling.detector import OperatingPoints


@pytest.fixture(scope="session")
def make_judged():
    """Build everything that figures and report show, for ``num_images`` drawn scores."""

    @cache
    def judge(num_images=150):
        rng = np.random.default_rng(0)
        targets = np.arange(num_images) % 2
        margins = rng.normal(1.8 * (2 * targets - 1), 2.0)
        groups, how = np.arange(num_images), Bootstrap(100, confidence=0.95, seed=0)
        split = choose_calibration_split(groups, targets, seed=0)
        calibration = calibrate(margins, targets, groups, split, how)
        scores = apply_temperature(margins, calibration["temperature"])
        table = pd.DataFrame(
            {
                "img_name": [f"{n}.jpg" for n in range(num_images)],
                "path": [f"valset/{n}.jpg" for n in range(num_images)],
                "target": targets,
                "y_pred": scores,
                "kind": np.where(targets == 1, "face_swap", "real"),
                "source": "drawn",
                "width": 160,
                "height": 160,
                "format": "JPEG",
                "jpeg_quality": 90,
                "group": groups,
                "split": np.where(split, CALIBRATION, VERIFICATION),
            }
        )
        metrics, roc_curve = evaluate(scores, targets, groups, how)
        points = set_operating_points(
            *(scores, targets, groups, split),
            target_fpr=0.05,
            target_fnr=0.05,
            confidence=0.95,
            sources=table["source"].to_numpy(),
        )
        stored = OperatingPoints.from_values(points)
        worst = find_worst(table)
        return {
            "val_scores": table,
            "metrics": metrics,
            "roc_curve": roc_curve,
            "operating_points": points,
            "calibration": calibration,
            "verdicts": decide(scores, stored),
            "mistakes": worst.assign(verdict=decide(worst["y_pred"].to_numpy(), stored)),
            "breakdown": break_down(scores, targets, groups, table, how),
        }

    def make(*args):
        return deepcopy(judge(*args))

    return make
