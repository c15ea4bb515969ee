"""The reliability diagram: what scores promise and what came true."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from face_forgery.evaluation.reporting.style import FAKE_COLOR, MUTED, make_figure, style_axes

_STATES = (("before", "as the network gives it"), ("after", "after temperature scaling"))


def draw_calibration(calibration: dict[str, Any]) -> Figure:
    """Draw two reliability diagrams side by side, each over the counts of its bins.

    Args:
        calibration: What ``metrics.calibration.calibrate`` returns.
    """
    figure = make_figure(8.0, 4.6)
    panels = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(3, 1))
    for column, (state, words) in enumerate(_STATES):
        measured = calibration[state]
        title = f"{words}\ncalibration error {measured['ece']['value']:.3f}"
        _draw_diagram(panels[0, column], measured["bins"], title, calibration["confidence"])
        _draw_counts(panels[1, column], measured["bins"])
    panels[0, 0].set_ylabel("share that is forged")
    panels[1, 0].set_ylabel("images")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, ncols=3, loc="outside lower center")
    return figure


def _draw_diagram(axes: Axes, bins: list[dict[str, float]], title: str, confidence: float) -> None:
    style_axes(axes, title=title, xlabel="", ylabel="")
    score, share, low, high = (
        np.array([row[name] for row in bins]) for name in ("score", "proportion", "low", "high")
    )
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="scores that keep their promise")
    axes.errorbar(
        score,
        share,
        yerr=np.maximum([share - low, high - share], 0.0),
        fmt="o-",
        markersize=5,
        color=FAKE_COLOR,
        linewidth=1.2,
        elinewidth=1.0,
        capsize=2,
        label=f"measured, with {confidence:.0%} intervals",
    )
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _draw_counts(axes: Axes, bins: list[dict[str, float]]) -> None:
    style_axes(axes, title="", xlabel="score: probability of forgery", ylabel="")
    counts = [row["count"] for row in bins]
    axes.bar([row["score"] for row in bins], counts, width=0.03, color=MUTED)
    axes.set_yscale("log")
    axes.set_ylim(0.5, max(counts) * 3)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
