"""A frozen detector on labelled sets that had no part in making it: measured, nothing fitted.

Each set is measured by image and, where it has videos, by video: the score of a video is the mean
of the scores of its frames. Intervals resample whole clusters of images that share a group or a
video.

Source of APCER and BPCER: ISO/IEC 30107-3:2023, Biometric presentation attack detection, part 3.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api.types import is_string_dtype

from face_forgery.data.labels.manifest import MANIFEST_COLUMNS, OK, UNKNOWN
from face_forgery.data.labels.testing_sets import SCORE_COLUMNS
from face_forgery.data.splits.groups import connect
from face_forgery.evaluation.breakdown import break_down
from face_forgery.evaluation.calibration import reliability
from face_forgery.evaluation.metrics.bootstrap import UNMEASURED, Bootstrap, Interval, measure_auc
from face_forgery.evaluation.metrics.metric_report import evaluate
from face_forgery.evaluation.metrics.proportions import measure_rare_rate
from face_forgery.evaluation.metrics.weighted import Floats
from face_forgery.evaluation.operating_points import measure_thresholds

Unit = Literal["image", "video"]
Word = Literal["held", "broken", "cannot be said"]
METRICS = (
    *("auc", "average_precision", "eer", "tpr_at_fpr_1e-2", "tpr_at_fpr_5e-3", "tpr_at_fpr_1e-3"),
    *("partial_auc_fpr_1e-1", "accuracy", "log_loss", "brier", "ece"),
)
RATES = ("fpr", "tpr", "fnr", "unsure_real", "unsure_fake")
AVERAGED = ("auc", "average_precision", "eer", "tpr_at_fpr_1e-2", *RATES[:3])

_MOST_VALUES = 50  # of a column that a set is broken down by
_FEW_GROUPS = 20  # of a class: percentiles of the bootstrap are then too narrow


def judge_sets(
    scores: pd.DataFrame, points: Mapping[str, Any], bootstrap: Bootstrap
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measure each set by image and by video, and the mean over sets.

    ``scores`` has a row an image, with ``set``, the columns of the manifest, further string
    columns, ``y_pred`` and ``status``; without a score where that is not ok. ``points`` are the
    operating points of the detector as plain values.

    Returns:
        Rows, one a set and unit (see `_judge_unit`); and the mean over sets, one a unit (see
        `average`).
    """
    rows = []
    for name, table in scores[scores["status"] == OK].groupby("set", sort=False):
        groups = connect(table["group"], table["video"])
        table = table.assign(group=groups)
        rows.append({"set": str(name), **_judge_unit("image", table, points, bootstrap)})
        frames = table[table["video"].notna()]
        if len(frames):
            row = _judge_unit("video", join_frames(frames), points, bootstrap)
            row["ways"] = _compare_ways(frames, points, bootstrap)
            if without := len(table) - len(frames):
                row["notes"]["video"] = f"{without:,} images belong to no video and are left out."
            rows.append({"set": str(name), **row})
    units = dict.fromkeys(row["unit"] for row in rows)
    return rows, [average([row for row in rows if row["unit"] == unit]) for unit in units]


def evaluate_videos(frames: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return what `evaluate` measures of images, of the mean scores of videos.

    ``frames`` has a row an image, with the columns of the manifest and ``y_pred``; images of no
    video are left out. Empty unless there are videos of both classes.
    """
    if "video" not in frames:  # a manifest of an earlier release
        return {}
    frames = frames.assign(group=connect(frames["group"], frames["video"]))
    frames = frames[frames["video"].notna()]
    if frames["target"].nunique() < 2:
        return {}
    measured, _ = evaluate(*_arrays_of(join_frames(frames)), bootstrap)
    counts = measured["counts"]
    counts["num_videos"] = counts.pop("num_images")
    return measured


def join_frames(frames: pd.DataFrame, way: str = "mean") -> pd.DataFrame:
    """Return a row for each video: its score ``y_pred`` and what its frames have in common.

    ``way``: ``mean`` of the scores of its frames, their ``max``, or the mean of their
    ``top_quarter`` (rounded up). A column in which the frames differ is ``several``.
    """
    by_video = frames.groupby("video", sort=False)
    table = by_video[["target", "group"]].first()
    for column in ("kind", "source", *_further_columns(frames)):
        values = frames[column].fillna(UNKNOWN).groupby(frames["video"], sort=False)
        table[column] = values.first().mask(values.nunique() > 1, "several")
    found = by_video["y_pred"]
    if way == "top_quarter":
        rank = found.rank(method="first", ascending=False)
        top = frames[rank <= np.ceil(found.transform("size") / 4)]
        found, way = top.groupby("video", sort=False)["y_pred"], "mean"
    return table.assign(y_pred=found.agg(way)).reset_index()


def judge_promise(promised: float, measured: Interval) -> Word:
    """Say whether a promised rate held: whether the whole interval lies below it, or above."""
    if measured["value"] is None or measured["low"] <= promised < measured["high"]:
        return "cannot be said"
    return "held" if measured["high"] <= promised else "broken"


def average(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over sets of ``AVERAGED``, each set counting the same.

    The sets are independent, so that the squares of what their intervals reach below, and above,
    add up: the interval is that of the sum, divided by their number.

    Source: Zou and Donner 2008, Construction of confidence intervals about effect measures: a
    general approach, Statistics in Medicine 27 (method of variance estimates recovery).

    Returns:
        ``unit``, and each measure as ``{"value", "low", "high", "num_sets"}``: sets in which it
        could be measured.
    """
    means: dict[str, Any] = {"unit": rows[0]["unit"]}
    for measure in AVERAGED:
        found = [row["metrics"].get(measure) or row["verdicts"][measure] for row in rows]
        found = [one for one in found if one["value"] is not None]
        ends = np.array([[one[end] for end in ("value", "low", "high")] for one in found])
        if not found:
            means[measure] = UNMEASURED | {"num_sets": 0}
            continue
        value, low, high = ends.mean(axis=0)[0], *_reach(ends)
        means[measure] = {"value": float(value), "low": value - low, "high": value + high}
        means[measure]["num_sets"] = len(found)
    return means


def tabulate_testing(testing: Mapping[str, Any]) -> pd.DataFrame:
    """Return what `judge_sets` returned, and the means, as a table: a row a set and unit."""
    points = testing["operating_points"]
    lines = []
    for row in testing["rows"]:
        line = {"set": row["set"], "unit": row["unit"], **row["counts"]}
        for name, measured in (row["metrics"] | row["verdicts"]).items():
            line |= _flatten(name, measured)
        line |= {"promised_fpr": row["promise"]["promised_fpr"], "promise": row["promise"]["word"]}
        line |= {name: points[name] for name in ("fake_threshold", "real_threshold")}
        line |= {"worst_kind": row["apcer"]["kind"], **_flatten("worst_apcer", row["apcer"])}
        lines.append(line | {"notes": " ".join(row["notes"].values())})
    for mean in testing["means"]:
        line = {"set": "mean", "unit": mean["unit"]}
        for name in AVERAGED:
            line |= _flatten(name, mean[name])
        lines.append(line)
    counts = dict.fromkeys(("num", "num_real", "num_fake", "num_groups"), "Int64")
    columns = None if lines else ["set", "unit", *counts]
    return pd.DataFrame(lines, columns=columns).astype(counts)


def _flatten(name: str, measured: Interval) -> dict[str, Any]:
    ends = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
    return {column: measured[end] for end, column in ends.items()}


def _reach(ends: Floats) -> tuple[float, float]:
    below, above = ends[:, 0] - ends[:, 1], ends[:, 2] - ends[:, 0]
    return float(np.hypot.reduce(below)) / len(ends), float(np.hypot.reduce(above)) / len(ends)


def _judge_unit(
    unit: Unit, table: pd.DataFrame, points: Mapping[str, Any], bootstrap: Bootstrap
) -> dict[str, Any]:
    """Measure a set in one unit: ``metrics``, ``verdicts``, ``promise``, ``apcer``, ``breakdown``.

    ``notes`` say what could not be measured, and what looks wrong.
    """
    arrays = scores, targets, groups = _arrays_of(table)
    further, notes = _choose_columns(table)
    metrics, bins, told = _measure(unit, table, bootstrap)
    verdicts = measure_thresholds(*arrays, dict(points), confidence=bootstrap.confidence)
    is_real = targets == 0
    if is_real.any():
        is_alarm = scores[is_real] >= points["fake_threshold"]
        verdicts["fpr"] = measure_rare_rate(
            is_alarm, groups[is_real], confidence=bootstrap.confidence
        )
    facts = table.fillna(dict.fromkeys(("source", *further), UNKNOWN))
    parts = break_down(*arrays, facts, bootstrap, further=further, thresholds=dict(points))
    promised = points["promised_fpr"]
    return {
        "unit": unit,
        "counts": {
            "num": len(table),
            "num_real": int(is_real.sum()),
            "num_fake": int(targets.sum()),
            "num_groups": int(table["group"].nunique()),
        },
        "metrics": metrics,
        "verdicts": {rate: verdicts[rate] for rate in RATES},
        "promise": {
            "promised_fpr": promised,
            "fpr": verdicts["fpr"],
            "word": judge_promise(promised, verdicts["fpr"]),
        },
        "apcer": _name_worst_kind(parts[0]["cells"]),
        "bins": bins,
        "breakdown": parts,
        "notes": notes | told,
    }


def _measure(
    unit: Unit, table: pd.DataFrame, bootstrap: Bootstrap
) -> tuple[dict[str, Interval], list[dict[str, float]], dict[str, str]]:
    """Return ``METRICS``, the bins of `reliability`, and notes on both; null for one class."""
    scores, targets, groups = _arrays_of(table)
    if len(classes := np.unique(targets)) < 2:
        missing = "forged" if classes[0] == 0 else "real"
        note = f"The set has no {missing} {unit}s: nothing to compare with."
        return {name: dict(UNMEASURED) for name in METRICS}, [], {"auc": note}
    measured, _ = evaluate(scores, targets, groups, bootstrap)
    notes = measured["notes"] | _note_groups(table, unit)
    if measured["auc"]["high"] < 0.5:
        notes["inverted"] = (
            f"An AUC of {measured['auc']['value']:.3f} is worse than guessing: what the detector "
            "learnt points the other way there, or the labels are inverted. If 1 means real there, "
            "say so: ingestion.targets={1: 0, 0: 1}."
        )
    bins = reliability(scores, targets, groups, confidence=bootstrap.confidence)
    return {name: measured[name] for name in METRICS}, bins, notes


def _name_worst_kind(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the kind of forgery that is called real most often, ``{"kind": None}`` without any."""
    found = [cell for cell in cells if cell["fnr"]["value"] is not None]
    if not found:
        return {"kind": None} | UNMEASURED
    worst = max(found, key=lambda cell: float(cell["fnr"]["value"]))
    return {"kind": worst["name"], **worst["fnr"]}


def _compare_ways(
    frames: pd.DataFrame, points: Mapping[str, Any], bootstrap: Bootstrap
) -> list[dict[str, Any]]:
    """Measure the ways to score a video: AUC, and the rates at the detector's thresholds."""
    found = []
    for way in ("mean", "max", "top_quarter"):
        arrays = _arrays_of(join_frames(frames, way))
        is_both = len(np.unique(arrays[1])) == 2
        rates = measure_thresholds(*arrays, dict(points), confidence=bootstrap.confidence)
        auc = measure_auc(*arrays, bootstrap) if is_both else dict(UNMEASURED)
        found.append({"way": way, "auc": auc} | {rate: rates[rate] for rate in RATES[:3]})
    return found


def _arrays_of(table: pd.DataFrame) -> tuple[Any, Any, Any]:
    scores = table["y_pred"].to_numpy(dtype=np.float64)
    return scores, table["target"].to_numpy(dtype=np.int64), table["group"].to_numpy()


def _further_columns(table: pd.DataFrame) -> list[str]:
    known = {*MANIFEST_COLUMNS, *SCORE_COLUMNS}
    return [str(name) for name in table if name not in known and is_string_dtype(table[name])]


def _choose_columns(table: pd.DataFrame) -> tuple[list[str], dict[str, str]]:
    """Return the further columns that the set is broken down by, and notes on others."""
    counts = {name: table[name].nunique() for name in _further_columns(table)}
    notes = {
        f"column {name}": f"The column {name} has {count:,} values; at most {_MOST_VALUES} are "
        "broken down."
        for name, count in counts.items()
        if count > _MOST_VALUES
    }
    return [name for name, count in counts.items() if 0 < count <= _MOST_VALUES], notes


def _note_groups(table: pd.DataFrame, unit: Unit) -> dict[str, str]:
    numbers = table.groupby("target")["group"].nunique()
    if numbers.min() >= _FEW_GROUPS:
        return {}
    what = "real" if numbers.idxmin() == 0 else "forged"
    return {
        "groups": f"The {what} {unit}s come from {numbers.min():,} groups that belong together: "
        "so few make intervals too narrow."
    }
