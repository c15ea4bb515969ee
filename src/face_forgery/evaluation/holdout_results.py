"""What an unseen hold-out group costs a detector: AUC within, AUC on the group, and the drop."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from face_forgery.evaluation.metrics.bootstrap import GroupResampler, Interval, take_interval
from face_forgery.evaluation.metrics.weighted import Floats, WeightedScores

_MEASURES = ("within", "unseen", "drop")


def judge_groups(
    scores: Mapping[str, pd.DataFrame], *, num_resamples: int, confidence: float, seed: int
) -> dict[str, Any]:
    """Measure each hold-out group, their mean and the worst of them.

    Resamples draw videos or persons (the column ``group``) once for all hold-out groups: the
    interval of a drop is that of a paired difference, and the mean's knows that hold-out groups
    share real images. Intervals tell the luck of the images, not of other kinds of forgery or
    another seed.

    Args:
        scores: Hold-out group -> rows with ``target`` (0 = real, 1 = forged), ``group``,
            ``y_pred``, and ``is_within`` and ``is_unseen``, which say what each
            AUC is measured on; a row may count for both.
        num_resamples: Bootstrap resamples.
        confidence: Of the intervals, in (0, 1).
        seed: Of the resamples.

    Returns:
        ``groups``: a row for each, in their order: ``name``, ``num_real``, ``num_fake`` (of the
        group), and ``within``, ``unseen`` and ``drop`` (within less unseen) as ``{"value", "low",
        "high"}``. ``within_mean``, ``unseen_mean``, ``drop_mean`` over groups. ``unseen_worst``:
        that of the group with the lowest AUC, ``worst_group``. Numbers within are None where there
        is nothing within to compare.

    Raises:
        ValueError: As `check_probabilities`.
    """
    table = pd.concat(scores.values(), ignore_index=True)
    owner = np.repeat(np.arange(len(scores)), [len(rows) for rows in scores.values()])
    parts = [
        np.flatnonzero((owner == number) & table[part].to_numpy(dtype=bool))
        for number in range(len(scores))
        for part in ("is_within", "is_unseen")
    ]
    values, drawn = _measure(table, parts, num_resamples=num_resamples, seed=seed)

    def interval(value: float, resampled: Floats) -> dict[str, Any]:
        known = resampled[np.isfinite(resampled)]
        if np.isnan(value):
            return {"value": None, "low": None, "high": None}
        if not len(known):
            return asdict(Interval(float(value), 0.0, 1.0))
        return asdict(take_interval(value, known, confidence=confidence))

    targets = table["target"].to_numpy(dtype=np.int64)
    groups: list[dict[str, Any]] = [
        {
            "name": name,
            "num_real": int((targets[parts[2 * at + 1]] == 0).sum()),
            "num_fake": int((targets[parts[2 * at + 1]] == 1).sum()),
        }
        | {
            measure: interval(values[at, column], drawn[:, at, column])
            for column, measure in enumerate(_MEASURES)
        }
        for at, name in enumerate(scores)
    ]
    worst = min(groups, key=lambda group: group["unseen"]["value"])
    means = {
        f"{measure}_mean": interval(values[:, column].mean(), drawn[:, :, column].mean(axis=1))
        for column, measure in enumerate(_MEASURES)
    }
    return {
        **means,
        "unseen_worst": worst["unseen"],
        "worst_group": worst["name"],
        "groups": groups,
        "bootstrap": {"num_resamples": num_resamples, "confidence": confidence, "seed": seed},
    }


def judge_held_out(
    scores: pd.DataFrame,
    held_out: Mapping[str, NDArray[np.int64]],
    seen: NDArray[np.int64],
    *,
    num_resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Measure the held-out groups of one detector: what `judge_groups` returns.

    Args:
        scores: ``(N, ...)`` with ``target``, ``group`` and ``y_pred``.
        held_out: Group -> positions that it is measured on.
        seen: Positions of what is like the images of training.
        num_resamples: Bootstrap resamples.
        confidence: Of the intervals, in (0, 1).
        seed: Of the resamples.
    """
    columns = scores[["target", "group", "y_pred"]]
    return judge_groups(
        {
            name: columns.assign(is_within=_mask(seen, scores), is_unseen=_mask(rows, scores))
            for name, rows in held_out.items()
        },
        num_resamples=num_resamples,
        confidence=confidence,
        seed=seed,
    )


def _mask(positions: NDArray[np.int64], scores: pd.DataFrame) -> NDArray[np.bool_]:
    mask = np.zeros(len(scores), dtype=bool)
    mask[positions] = True
    return mask


def _measure(
    table: pd.DataFrame, parts: list[NDArray[np.int64]], *, num_resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """AUC within, AUC unseen and drop: ``(K, 3)``, and of every resample ``(B, K, 3)``.

    Not a number where a resample has nothing of a class.
    """
    targets = table["target"].to_numpy(dtype=np.int64)
    scores = table["y_pred"].to_numpy(dtype=np.float64)
    order = np.arange(len(table))
    resampler = GroupResampler(table["group"].to_numpy(), targets, seed=seed, order=order)
    values, drawn = np.full(len(parts), np.nan), np.full((num_resamples, len(parts)), np.nan)
    measurable = {at: part for at, part in enumerate(parts) if len(np.unique(targets[part])) == 2}
    ranked = {
        at: WeightedScores(scores[part], targets[part], num_bins=1)
        for at, part in measurable.items()
    }
    for at, part in measurable.items():
        values[at] = roc_auc_score(targets[part], scores[part])
    with np.errstate(divide="ignore", invalid="ignore"):
        for index in range(num_resamples):
            weights = resampler.draw(index)
            for at, one in ranked.items():
                drawn[index, at] = one.count(weights[measurable[at][one.order]]).auc()
    return _with_drop(values.reshape(-1, 2)), _with_drop(drawn.reshape(num_resamples, -1, 2))


def _with_drop(aucs: Floats) -> Floats:
    return np.concatenate([aucs, aucs[..., :1] - aucs[..., 1:]], axis=-1)
