"""The figure of cross-validation: what a detector loses on groups that it has never seen."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    MUTED,
    REAL_COLOR,
    make_figure,
    plain,
    style_axes,
)

_APART = 0.13  # of a row: so that two intervals do not hide each other


def draw_folds(cross_validation: dict[str, Any]) -> Figure:
    """Draw AUC within and on the unseen group with their intervals, the worst group lowest.

    Args:
        cross_validation: What the pipeline of that name writes: ``groups`` with ``name``,
            ``within``, ``unseen`` and ``drop``, and the means.
    """
    groups = sorted(cross_validation["groups"], key=lambda group: group["unseen"]["value"])
    mean = {name: cross_validation[f"{name}_mean"] for name in ("within", "unseen", "drop")}
    rows = [{"name": "mean", **mean}, *groups]
    figure = make_figure(7.4, 1.7 + 0.5 * len(rows))
    axes = figure.subplots()
    style_axes(axes, title="What an unseen group costs", xlabel="AUC", ylabel="")
    for y, row in enumerate(rows):
        _draw_interval(axes, y + _APART, row["within"], REAL_COLOR)
        _draw_interval(axes, y - _APART, row["unseen"], FAKE_COLOR)
    axes.axhline(0.5, color=MUTED, lw=0.8)
    axes.axvline(0.5, color=MUTED, lw=1.0, ls=":")
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    confidence = cross_validation["bootstrap"]["confidence"]
    axes.plot([], [], "o", color=REAL_COLOR, label="images like those of training")
    axes.plot([], [], "o", color=FAKE_COLOR, label="the group, never seen")
    figure.legend(
        frameon=False,
        fontsize=9,
        ncols=2,
        loc="outside lower center",
        title=f"{confidence:.0%} intervals; dotted: guessing",
        title_fontsize=9,
    )
    return figure


def _label(row: dict[str, Any]) -> str:
    within, unseen = row["within"]["value"], row["unseen"]["value"]
    return f"{plain(row['name'])}\nwithin {within:.3f}, unseen {unseen:.3f}"


def _draw_interval(axes: Axes, y: float, auc: dict[str, float], color: str) -> None:
    axes.plot([auc["low"], auc["high"]], [y, y], "-", color=color, lw=2.0)
    axes.plot(auc["value"], y, "o", color=color, ms=6)
