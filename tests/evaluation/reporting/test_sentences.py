"""What was measured, in a line each."""

from face_forgery.evaluation.reporting.sentences import describe_results

METRICS = {"auc": {"value": 0.98, "low": 0.95, "high": 0.99}}
POINTS = {"num_real": 75, "fpr": {"value": 2 / 75}, "promised_fpr": 0.0132}


def cell(label, auc):
    measured = {"value": auc, "low": auc - 0.1, "high": auc + 0.1}
    return {"title": "JPEG", "label": label, "auc": measured}


def test_a_run_ends_with_auc_false_alarms_and_the_worst_degradation():
    robustness = {"cells": [cell("quality 70", 0.9), cell("quality 30", 0.8)]}
    lines = describe_results(METRICS, POINTS, robustness)
    assert lines == [
        "AUC 0.980 (0.950 to 0.990)",
        "False alarms: 2 of 75 real images (2.67%; promised: at most 1.32%)",
        "Worst degradation: JPEG (quality 30), AUC 0.800 (0.700 to 0.900)",
    ]
    assert describe_results(METRICS, POINTS, None) == lines[:2]
