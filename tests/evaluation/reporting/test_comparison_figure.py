"""The ROC curves of several detectors, whatever they are called."""

import io

import numpy as np

from face_forgery.evaluation.reporting.comparison_figure import draw_comparison


def test_a_detector_that_looks_like_a_formula_is_text():
    name, targets = r"$\frac{1}$", np.arange(40) % 2
    auc = {"value": 0.5, "low": 0.4, "high": 0.6}
    scores = {name: np.linspace(0, 1, 40)}
    figure = draw_comparison(scores, targets, {"num_real": 20, "detectors": {name: {"auc": auc}}})
    figure.savefig(io.BytesIO(), format="png")
