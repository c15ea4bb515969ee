"""What an unseen hold-out group costs a detector: AUC within, AUC on the group, and the drop."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.metrics.bootstrap import (
    UNMEASURED,
    Bootstrap,
    Interval,
    resample,
    take_interval,
)
from face_forgery.evaluation.metrics.weighted import Floats, WeightedScores

_MEASURES = ("within", "unseen", "drop")


def judge_groups(scores: Mapping[str, pd.DataFrame], bootstrap: Bootstrap) -> dict[str, Any]:
    """Measure each hold-out group, their mean and the worst of them.

    Resamples draw videos or persons (the column ``group``) once for all hold-out groups, which
    share real images: the interval of a drop is that of a paired difference. Intervals tell the
    luck of the images, not of other kinds of forgery or another seed.

    ``scores`` has by hold-out group the rows with ``target``, ``group``, ``y_pred``, and
    ``is_within`` and ``is_unseen``, which say what each AUC is measured on; a row may count twice.

    Returns:
        ``groups``: a row for each, in their order: ``name``, ``num_real``, ``num_fake`` (of the
        group), and ``within``, ``unseen`` and ``drop`` (within less unseen) as ``{"value", "low",
        "high"}``. ``within_mean``, ``unseen_mean``, ``drop_mean`` over groups. ``unseen_worst``:
        that of the group with the lowest AUC, ``worst_group``. Numbers within are None where there
        is nothing within to compare.
    """
    table = pd.concat(scores.values(), ignore_index=True)
    owner = np.repeat(np.arange(len(scores)), [len(rows) for rows in scores.values()])
    parts = [
        np.flatnonzero((owner == number) & table[part].to_numpy(dtype=bool))
        for number in range(len(scores))
        for part in ("is_within", "is_unseen")
    ]
    values, drawn = _measure(table, parts, bootstrap)
    targets = table["target"].to_numpy(dtype=np.int64)

    def intervals(values: Floats, drawn: Floats, suffix: str = "") -> dict[str, Interval]:
        return {
            measure + suffix: _take(values[at], drawn[:, at], bootstrap.confidence)
            for at, measure in enumerate(_MEASURES)
        }

    groups: list[dict[str, Any]] = [
        {
            "name": name,
            "num_real": int((targets[parts[2 * at + 1]] == 0).sum()),
            "num_fake": int((targets[parts[2 * at + 1]] == 1).sum()),
            **intervals(values[at], drawn[:, at]),
        }
        for at, name in enumerate(scores)
    ]
    worst = min(groups, key=lambda group: group["unseen"]["value"])
    return {
        **intervals(values.mean(axis=0), drawn.mean(axis=1), "_mean"),
        "unseen_worst": worst["unseen"],
        "worst_group": worst["name"],
        "groups": groups,
        "bootstrap": asdict(bootstrap),
    }


def judge_held_out(
    scores: pd.DataFrame,
    held_out: Mapping[str, NDArray[np.int64]],
    seen: NDArray[np.int64],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Measure the held-out groups of one detector: what `judge_groups` returns.

    ``held_out`` has by group the indices of the rows of ``scores`` (``target``, ``group``,
    ``y_pred``) that it is measured on, ``seen`` those that are like the images of training.
    """
    columns, index = scores[["target", "group", "y_pred"]], np.arange(len(scores))
    is_within = np.isin(index, seen)
    return judge_groups(
        {
            name: columns.assign(is_within=is_within, is_unseen=np.isin(index, rows))
            for name, rows in held_out.items()
        },
        bootstrap,
    )


def _measure(
    table: pd.DataFrame, parts: list[NDArray[np.int64]], bootstrap: Bootstrap
) -> tuple[Floats, Floats]:
    """AUC within, AUC unseen and drop: ``(K, 3)``, and of every resample ``(B, K, 3)``.

    Not a number where all images, or a resample, have nothing of a class.
    """
    targets = table["target"].to_numpy(dtype=np.int64)
    scores = table["y_pred"].to_numpy(dtype=np.float64)

    def measure(part: NDArray[np.int64], ranked: WeightedScores | None, weights: Floats) -> float:
        return np.nan if ranked is None else ranked.measure_auc(weights[part])

    values, measures = np.full(len(parts), np.nan), []
    for at, part in enumerate(parts):
        ranked = None
        if len(np.unique(targets[part])) == 2:
            values[at] = roc_auc_score(targets[part], scores[part])
            ranked = WeightedScores(scores[part], targets[part])
        measures.append(partial(measure, part, ranked))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = resample(measures, targets, table["group"].to_numpy(), bootstrap)
    aucs = np.concatenate([values[None], drawn]).reshape(len(drawn) + 1, -1, 2)
    found = np.concatenate([aucs, aucs[..., :1] - aucs[..., 1:]], axis=-1)
    return found[0], found[1:]


def _take(value: float, resampled: Floats, confidence: float) -> Interval:
    known = resampled[np.isfinite(resampled)]
    if np.isnan(value):
        return UNMEASURED
    if not len(known):
        return {"value": float(value), "low": 0.0, "high": 1.0}
    return take_interval(value, known, confidence=confidence)
