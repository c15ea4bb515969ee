"""Where a detector is good and where it is not: AUC by kind of forgery and by source."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_forgery.metrics import binary
from face_forgery.metrics.binary import Scores, Targets
from face_forgery.metrics.bootstrap import GroupResampler, bootstrap_auc, take_interval
from face_forgery.metrics.weighted import WeightedScores

SMALL_CELL = 20
"""A cell with fewer images of a class is marked: its AUC says little."""


def break_down(
    scores: Scores,
    targets: Targets,
    groups: NDArray[np.generic] | None,
    *,
    kinds: NDArray[np.generic],
    sources: NDArray[np.generic],
    num_resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """AUC with interval of parts of the images, largest part first.

    Args:
        scores: ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged.
        groups: ``(N,)``, equal for images that belong together; ``None``: each is on its own.
        kinds: ``(N,)`` names; each kind's forgeries are held against all real images.
        sources: ``(N,)`` names; each source's forgeries are held against its own real images.
        num_resamples: Bootstrap resamples of every cell.
        confidence: Of the intervals, in (0, 1).
        seed: Of the resamples.

    Returns:
        ``{"by_kind": [cell, ...], "by_source": [cell, ...]}``; a cell is ``{"name", "num_real",
        "num_fake", "auc": {"value", "low", "high"}, "is_small", "note"}``. Where one class is
        missing, the AUC is None and the note says so.
    """
    scores, targets = binary.check_scores(scores, targets)
    real = targets == 0

    def measure(name: str, chosen: NDArray[np.bool_]) -> dict[str, Any]:
        return _measure_cell(
            name,
            scores[chosen],
            targets[chosen],
            None if groups is None else groups[chosen],
            num_resamples=num_resamples,
            confidence=confidence,
            seed=seed,
        )

    by_kind = [measure(name, real | (kinds == name)) for name in _names(kinds[~real])]
    by_source = [measure(name, np.asarray(sources == name)) for name in _names(sources)]
    return {"by_kind": by_kind, "by_source": by_source}


def _names(values: NDArray[np.generic]) -> list[str]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return [str(names[i]) for i in np.argsort(-counts, kind="stable")]


def _measure_cell(
    name: str,
    scores: Scores,
    targets: Targets,
    groups: NDArray[np.generic] | None,
    *,
    num_resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    num_fake = int(targets.sum())
    num_real = len(targets) - num_fake
    cell: dict[str, Any] = {"name": name, "num_real": num_real, "num_fake": num_fake}
    if not num_real or not num_fake:
        missing = "real" if not num_real else "forged"
        return cell | {
            "auc": {"value": None, "low": None, "high": None},
            "is_small": True,
            "note": f"no {missing} images, nothing to compare with",
        }
    ranked = WeightedScores(scores, targets, num_bins=1)
    resampler = GroupResampler(groups, targets, seed=seed, order=ranked.order)
    interval = take_interval(
        binary.auc(scores, targets),
        bootstrap_auc(ranked, resampler, num_resamples=num_resamples),
        confidence=confidence,
    )
    is_small = min(num_real, num_fake) < SMALL_CELL
    note = f"fewer than {SMALL_CELL} images of a class" if is_small else None
    return cell | {"auc": asdict(interval), "is_small": is_small, "note": note}
