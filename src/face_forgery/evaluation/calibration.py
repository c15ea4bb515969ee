"""Temperature scaling: scores that can be read as probabilities.

The margin of an image is its logit of fake less its logit of real; its score at temperature T is
``1 / (1 + exp(-margin / T))``. T moves no image past another: rankings and AUC stay.

Source: Guo, Pleiss, Sun and Weinberger 2017 (ICML), On Calibration of Modern Neural Networks.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from face_forgery.data.splits.calibration_split import apply_calibration_split
from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.metrics.metric_report import evaluate
from face_forgery.evaluation.metrics.proportions import measure_proportion
from face_forgery.evaluation.metrics.weighted import (
    Floats,
    Groups,
    Scores,
    Targets,
    check_probabilities,
    check_scores,
    find_bins,
)

LOWEST, HIGHEST = 0.01, 100.0  # temperatures
MEASURES = ("ece", "brier", "log_loss")


def apply_temperature(margins: Scores, temperature: float) -> Floats:
    """Scores ``(N,)`` in [0, 1] of ``margins`` ``(N,)`` at ``temperature``.

    Example:
        >>> apply_temperature(np.array([0.0, 2.0]), 2.0).round(3).tolist()
        [0.5, 0.731]
    """
    scores: Floats = expit(np.asarray(margins, dtype=np.float64) / temperature)
    return scores


def fit_temperature(margins: Scores, targets: Targets) -> float:
    """Return the temperature with the least log loss, from 0.01 to 100.

    The targets are drawn in a little, to ``(n1 + 1) / (n1 + 2)`` for n1 forgeries and
    ``1 / (n0 + 2)`` for n0 real images: without that, classes that do not overlap on a small set
    would ask for certainty, a temperature of 0. Source: Platt 1999, Probabilistic Outputs for
    Support Vector Machines, section 2.2.
    """
    margins, targets = check_scores(margins, targets)
    num_fake = int(targets.sum())
    num_real = len(targets) - num_fake
    wanted = np.where(targets == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))

    def loss(log_temperature: float) -> float:
        scaled = margins / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0.0, scaled) - wanted * scaled))

    found = minimize_scalar(
        loss, bounds=np.log((LOWEST, HIGHEST)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def calibrate(
    margins: Scores,
    targets: Targets,
    groups: Groups,
    in_calibration: NDArray[np.bool_],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Fit the temperature on the calibration split, measure on the verification split what it does.

    Where a split lacks a class, both steps take all images, and ``is_verified`` is false.

    Returns:
        ``{"temperature", "is_verified", "num_calibration", "num_verification",
        "notes": [sentence, ...], "confidence", "before": state, "after": state}``; a state is
        ``{"ece", "brier", "log_loss"}`` with ``{"value", "low", "high"}`` each, and ``"bins"`` as
        `reliability` returns them.
    """
    chosen, measured, is_verified = apply_calibration_split(in_calibration, targets)
    temperature = fit_temperature(margins[chosen], targets[chosen])
    margins, targets, groups = margins[measured], targets[measured], groups[measured]
    states: dict[str, Any] = {}
    for name, value in (("before", 1.0), ("after", temperature)):
        scores = apply_temperature(margins, value)
        metrics, _ = evaluate(scores, targets, groups, bootstrap)
        bins = reliability(scores, targets, groups, confidence=bootstrap.confidence)
        states[name] = {measure: metrics[measure] for measure in MEASURES} | {"bins": bins}
    return {
        "temperature": temperature,
        "is_verified": is_verified,
        "num_calibration": int(chosen.sum()),
        "num_verification": int(measured.sum()),
        "confidence": bootstrap.confidence,
        "notes": _note_limits(temperature, is_verified=is_verified),
        **states,
    }


def _note_limits(temperature: float, *, is_verified: bool) -> list[str]:
    notes = []
    if not is_verified:
        notes.append(
            "Too few validation images for a calibration and a verification split: the temperature "
            "was measured on the images it was fitted on."
        )
    if temperature > 0.99 * HIGHEST:
        notes.append(
            f"The temperature is at its upper end, {HIGHEST:g}: the scores do not tell the "
            "classes apart, so every probability is drawn to 0.5."
        )
    if temperature < 1.01 * LOWEST:
        notes.append(
            f"The temperature is at its lower end, {LOWEST:g}: the margins of the network are "
            "far too small; look at its training."
        )
    return notes


def reliability(
    scores: Scores, targets: Targets, groups: Groups, *, confidence: float
) -> list[dict[str, float]]:
    """Compare the predicted probability with the proportion of forgeries, bin by bin.

    Returns:
        A row for each equal-width bin that holds an image, ascending: ``count``, ``score`` (mean),
        ``proportion`` of forgeries with ``low`` and ``high``.
    """
    scores, targets = check_probabilities(scores, targets)
    bins = find_bins(scores)
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        forged = measure_proportion(targets[inside] == 1, groups[inside], confidence=confidence)
        row = {"count": int(inside.sum()), "score": float(scores[inside].mean())}
        rows.append(row | {"proportion": forged.pop("value"), **forged})
    return rows
