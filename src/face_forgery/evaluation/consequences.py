"""What verdicts come to: among 10,000 images of a service, and source by source."""

from typing import Any

import numpy as np
import pandas as pd

from face_forgery.evaluation.metrics.proportions import measure_proportion

IMAGES = 10_000
Amount = dict[str, float]  # value, low and high


def expect(points: dict[str, Any], prevalence: float) -> dict[str, Any]:
    """Return how many of ``IMAGES`` get which verdict where ``prevalence`` of them are forged.

    Returns:
        ``forged``, a number, and with ``{"value", "low", "high"}`` each: ``flagged_right``,
        ``flagged_wrong``, ``passed_right``, ``passed_wrong`` (forgeries called real) and ``left``
        (unsure), from the rates that were measured and the ends of their intervals; and
        ``precision``, the proportion of flagged images that are forged, ``None`` where none is.
    """
    forged = prevalence * IMAGES
    real = IMAGES - forged
    alarms, unsure = points["fpr"], points["unsure_real"]
    rest = {
        end: max(1.0 - alarms[other] - unsure[other], 0.0)
        for end, other in (("value", "value"), ("low", "high"), ("high", "low"))
    }
    right, wrong = _times(points["tpr"], forged), _times(alarms, real)
    unsure_real, unsure_fake = _times(unsure, real), _times(points["unsure_fake"], forged)
    return {
        "forged": forged,
        "flagged_right": right,
        "flagged_wrong": wrong,
        "passed_right": _times(rest, real),
        "passed_wrong": _times(points["fnr"], forged),
        "left": {end: unsure_real[end] + unsure_fake[end] for end in unsure_real},
        "precision": _divide(right, wrong),
    }


def count_errors(
    scores: pd.DataFrame, points: dict[str, Any], *, confidence: float
) -> dict[str, list[dict[str, Any]]]:
    """Count false alarms by source and forgeries called real by kind, the most frequent first.

    ``scores`` are rows that the thresholds were not chosen on: ``y_pred``, ``target``, ``group``,
    ``source`` and ``kind``.

    Returns:
        ``alarms`` and ``misses``: rows with ``name``, ``num`` (images), ``count`` (errors) and
        ``rate`` with its interval.
    """
    is_fake = scores["target"].to_numpy() == 1
    called_fake = scores["y_pred"].to_numpy() >= points["fake_threshold"]
    called_real = scores["y_pred"].to_numpy() < points["real_threshold"]
    return {
        "alarms": _count(scores[~is_fake], "source", called_fake[~is_fake], confidence),
        "misses": _count(scores[is_fake], "kind", called_real[is_fake], confidence),
    }


def _count(
    scores: pd.DataFrame, column: str, is_error: np.ndarray[Any, Any], confidence: float
) -> list[dict[str, Any]]:
    rows = []
    for name, part in scores.assign(is_error=is_error).groupby(column, sort=True):
        errors = part["is_error"].to_numpy()
        rate = measure_proportion(errors, part["group"].to_numpy(), confidence=confidence)
        rows.append({"name": name, "num": len(part), "count": int(errors.sum()), "rate": rate})
    return sorted(rows, key=lambda row: -row["rate"]["value"])


def _times(rate: Amount, number: float) -> Amount:
    return {end: rate[end] * number for end in ("value", "low", "high")}


def _divide(right: Amount, wrong: Amount) -> Amount | None:
    if not right["value"] + wrong["value"]:
        return None
    ends = {"value": "value", "low": "high", "high": "low"}
    return {
        end: right[end] / (right[end] + wrong[other]) if right[end] else 0.0
        for end, other in ends.items()
    }
