"""What a reduced precision costs: the same images scored in it and in float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_forgery.evaluation.comparison import compare_detectors
from face_forgery.evaluation.metrics.bootstrap import Bootstrap
from face_forgery.evaluation.metrics.weighted import Groups, Scores, Targets

Verdicts = NDArray[np.str_]


class PrecisionError(ValueError):
    """A precision that costs too much; the message says how much, and the remedy."""


def measure_precision_cost(
    scores: tuple[Scores, Scores],
    verdicts: tuple[Verdicts, Verdicts],
    targets: Targets,
    groups: Groups,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Compare ``(reduced, float32)``, each calibrated and thresholded for itself, ``(N,)`` each.

    Returns:
        ``auc``, ``auc_float32`` and ``difference`` (reduced less float32, paired), each
        ``{"value", "low", "high"}``; ``largest_change`` and ``mean_change`` of a score;
        ``num_changed`` verdicts of ``num_images``.
    """
    reduced, exact = scores
    compared = compare_detectors({"reduced": reduced, "exact": exact}, targets, groups, bootstrap)
    changes = np.abs(reduced - exact)
    return {
        "num_images": len(targets),
        "auc": compared["detectors"]["reduced"]["auc"],
        "auc_float32": compared["detectors"]["exact"]["auc"],
        "difference": compared["pairs"][0]["auc"],
        "largest_change": float(changes.max()),
        "mean_change": float(changes.mean()),
        "num_changed": int((verdicts[0] != verdicts[1]).sum()),
    }


def check_precision_cost(cost: dict[str, Any], precision: str, *, limit: float) -> None:
    """Raise `PrecisionError` where the AUC is more than ``limit`` below that of float32."""
    loss = -cost["difference"]["value"]
    if loss > limit:
        low, high = -cost["difference"]["high"], -cost["difference"]["low"]
        raise PrecisionError(
            f"scoring.precision={precision} costs {loss:.4f} of AUC ({low:.4f} to {high:.4f}; "
            f"{cost['auc_float32']['value']:.4f} in float32), more than {limit:g}; evaluate with "
            "scoring.precision=float32"
        )
