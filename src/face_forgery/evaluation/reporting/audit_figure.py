"""How far one gets without looking at the face, as one picture."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    make_figure,
    style_axes,
)


def draw_shortcuts(shortcuts: list[dict[str, Any]], *, limit: float) -> Figure:
    """Draw the AUC of each probe with its interval, all pictures first, then source by source.

    Args:
        shortcuts: What ``audits.shortcuts.probe_shortcuts`` returns.
        limit: AUC above which a probe is warned about.
    """
    rows = [row for row in shortcuts if row["auc"]["value"] is not None]
    figure = make_figure(7.4, 1.3 + 0.3 * max(len(rows), 2))
    axes = figure.subplots()
    style_axes(
        axes,
        title="How far one gets without looking at the face",
        xlabel="AUC of a probe; guessing: 0.5",
        ylabel="",
    )
    axes.grid(visible=False, axis="y")
    axes.axvline(0.5, color=MUTED, linestyle=":")
    axes.axvline(limit, color=INK, linestyle="--", linewidth=1.0)
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)
    names = [
        row["probe"] if row["source"] is None else f"{row['source']}: {row['probe']}"
        for row in rows
    ]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.9)
    axes.text(limit, -0.62, f" warned about from {limit:g}", fontsize=8.5, color=INK, va="center")
    lowest = min((row["auc"]["low"] for row in rows), default=0.5)
    highest = max((row["auc"]["high"] for row in rows), default=limit)
    axes.set_xlim(min(lowest, 0.45) - 0.03, max(highest, limit + 0.17) + 0.05)
    return figure


def _draw_row(axes: Axes, place: int, row: dict[str, Any]) -> None:
    auc = row["auc"]
    color = FAKE_COLOR if row["is_warning"] else REAL_COLOR
    axes.plot([auc["low"], auc["high"]], [place, place], color=color, linewidth=2.2)
    axes.plot(auc["value"], place, marker="o", color=color)
    axes.text(
        auc["high"] + 0.008, place, f"{auc['value']:.2f}", va="center", fontsize=9, color=color
    )
