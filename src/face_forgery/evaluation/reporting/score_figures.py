"""Figures of scores: ROC curves, distributions, verdicts, calibration.

Each function draws one figure and returns it; none changes its inputs.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    SHADE,
    make_figure,
    plain,
    style_axes,
)

VERDICT_COLUMNS = ("real", "unsure", "fake")
_NUM_BINS = 40
_CLASS_NAMES = ("real", "forged")
_STATES = (("before", "as the network gives it"), ("after", "after temperature scaling"))
_COLORS = [colormaps["tab10"](number) for number in range(10)]
_LINES = ("-", "--", "-.")


def draw_roc(
    roc_curve: pd.DataFrame, metrics: dict[str, Any], operating_points: dict[str, Any]
) -> Figure:
    """Draw the ROC curve over a logarithmic false-positive axis.

    Left of one false alarm among the real images nothing can be measured: that part is shaded.

    Args:
        roc_curve: The table that ``metric_report.evaluate`` returns.
        metrics: The metrics that ``metric_report.evaluate`` returns.
        operating_points: What ``operating_points.set_operating_points`` returns.
    """
    num_real = metrics["counts"]["num_real"]
    left_end = 1.0 / num_real / 2.5
    auc = metrics["auc"]
    figure = make_figure(6.4, 4.6)
    axes = figure.subplots()
    title = f"ROC curve: AUC {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"
    _prepare_roc(axes, title, left_end)
    _shade_unresolved(axes, num_real, left_end)
    _trace_roc(axes, roc_curve, left_end, metrics["bootstrap"]["confidence"])
    axes.plot(
        max(operating_points["fpr"]["value"], left_end),
        operating_points["tpr"]["value"],
        marker="o",
        markersize=8,
        markerfacecolor="white",
        markeredgecolor=INK,
        markeredgewidth=1.6,
        linestyle="none",
        clip_on=False,
        zorder=5,
        label='threshold for "fake"',
    )
    figure.legend(frameon=False, fontsize=9, ncols=4, columnspacing=1.2, loc="outside lower center")
    return figure


def draw_comparison(
    scores: Mapping[str, NDArray[np.float64]],
    targets: NDArray[np.int64],
    comparison: dict[str, Any],
) -> Figure:
    """Draw the ROC curves of several detectors over a logarithmic false-positive axis.

    Args:
        scores: Name -> ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged.
        comparison: What ``comparison.compare_detectors`` returns.
    """
    figure = make_figure(6.4, 4.6 + 0.22 * len(scores))
    axes = figure.subplots()
    left_end = 0.4 / comparison["num_real"]
    _prepare_roc(axes, "ROC curves on the same images", left_end)
    for number, (name, one) in enumerate(scores.items()):
        fpr, tpr, _ = roc_curve(targets, one, drop_intermediate=False)
        auc = comparison["detectors"][name]["auc"]
        axes.step(
            np.maximum(fpr, left_end),
            tpr,
            where="post",
            color=_COLORS[number % len(_COLORS)],
            linestyle=_LINES[number // len(_COLORS) % len(_LINES)],
            label=f"{plain(name)}: AUC {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})",
        )
    _draw_guessing(axes, left_end)
    figure.legend(frameon=False, fontsize=9, ncols=1, loc="outside lower center")
    return figure


def _prepare_roc(axes: Axes, title: str, left_end: float) -> None:
    style_axes(
        axes,
        title=title,
        xlabel="false-positive rate: real images called fake (logarithmic)",
        ylabel="proportion of forgeries found",
    )
    axes.set_xscale("log")
    axes.set_xlim(left_end, 1.0)
    axes.set_ylim(0.0, 1.02)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _draw_guessing(axes: Axes, left_end: float) -> None:
    guesses = np.geomspace(left_end, 1.0, 200)
    axes.plot(guesses, guesses, color=MUTED, linestyle=":", label="guessing")


def _shade_unresolved(axes: Axes, num_real: int, left_end: float) -> None:
    axes.axvspan(left_end, 1.0 / num_real, color=SHADE, linewidth=0)
    axes.text(
        left_end * 1.04,
        0.08,
        f"below 1 of {num_real:,} real images",
        rotation=90,
        fontsize=8,
        color=MUTED,
        va="bottom",
        bbox={"facecolor": SHADE, "edgecolor": "none", "pad": 1.0},
    )


def _trace_roc(axes: Axes, roc_curve: pd.DataFrame, left_end: float, confidence: float) -> None:
    fpr = np.maximum(roc_curve["fpr"].to_numpy(), left_end)
    axes.fill_between(
        fpr,
        roc_curve["low"].to_numpy(),
        roc_curve["high"].to_numpy(),
        step="post",
        color=FAKE_COLOR,
        alpha=0.18,
        linewidth=0,
        label=f"{confidence:.0%} bootstrap interval",
    )
    axes.step(fpr, roc_curve["tpr"].to_numpy(), where="post", color=FAKE_COLOR, label="detector")
    _draw_guessing(axes, left_end)


def draw_scores(
    scores: NDArray[np.floating[Any]],
    targets: NDArray[np.integer[Any]],
    operating_points: dict[str, Any],
) -> Figure:
    """Draw how many images of each class have which score, with both thresholds.

    Args:
        scores: ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged.
        operating_points: What ``operating_points.set_operating_points`` returns.
    """
    figure = make_figure(6.4, 4.2)
    axes = figure.subplots()
    style_axes(
        axes,
        title="Scores of real images and forgeries",
        xlabel="score: probability of forgery",
        ylabel="images (logarithmic)",
    )
    edges = np.linspace(0.0, 1.0, _NUM_BINS + 1)
    highest = 1
    for target, color in ((0, REAL_COLOR), (1, FAKE_COLOR)):
        counts, _ = np.histogram(scores[targets == target], edges)
        highest = max(highest, int(counts.max()))
        label = f"{_CLASS_NAMES[target]} ({int(counts.sum()):,})"
        axes.stairs(counts, edges, baseline=0.5, fill=True, color=color, alpha=0.25)
        axes.stairs(counts, edges, baseline=0.5, color=color, linewidth=1.6, label=label)
    axes.set_yscale("log")
    axes.set_ylim(0.5, highest * 2.5)
    axes.set_xlim(0.0, 1.0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
    _mark_thresholds(axes, operating_points)
    figure.legend(frameon=False, fontsize=9, ncols=2, loc="outside lower center")
    return figure


def draw_confusion(targets: NDArray[np.integer[Any]], verdicts: NDArray[np.str_]) -> Figure:
    """Draw which verdicts real images and forgeries got: counts and percentages of each row.

    Args:
        targets: ``(N,)``, 0 = real, 1 = forged.
        verdicts: ``(N,)``, ``real``, ``unsure`` or ``fake``.
    """
    figure = make_figure(6.4, 3.2)
    axes = figure.subplots()
    axes.set_title("Verdicts", loc="left", fontsize=11, fontweight="bold", color=INK)
    for target, name in enumerate(_CLASS_NAMES):
        of_class = verdicts[targets == target]
        for column, verdict in enumerate(VERDICT_COLUMNS):
            count = int((of_class == verdict).sum())
            proportion = count / len(of_class)
            _draw_cell(axes, (column, target), count, proportion, _cell_color(target, verdict))
        axes.text(
            -0.62, target, f"{name}\n{len(of_class):,} images", ha="right", va="center", color=INK
        )
    axes.set_xlim(-0.55, 2.55)
    axes.set_ylim(1.55, -0.55)
    axes.set_xticks(range(3), [f'called "{verdict}"' for verdict in VERDICT_COLUMNS])
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    return figure


def _mark_thresholds(axes: Axes, operating_points: dict[str, Any]) -> None:
    real, fake = operating_points["real_threshold"], operating_points["fake_threshold"]
    axes.axvspan(real, min(fake, 1.0), color=SHADE, linewidth=0, zorder=0)
    for threshold, color in ((real, REAL_COLOR), (fake, FAKE_COLOR)):
        axes.axvline(min(threshold, 1.0), color=color, linestyle="--", linewidth=1.2)
    words = (
        (real, f'"real" below {real:.3f} ', "right", REAL_COLOR, 0.985),
        (fake, f' "fake" from {fake:.3f}', "left", FAKE_COLOR, 0.93),
    )
    for threshold, text, side, color, height in words:
        inside = "left" if threshold < 0.25 else "right" if threshold > 0.75 else side
        axes.text(
            min(threshold, 1.0),
            height,
            f" {text.strip()} ",
            transform=axes.get_xaxis_transform(),
            ha=inside,
            va="top",
            fontsize=9,
            color=color,
        )


def _draw_cell(axes: Axes, at: tuple[int, int], count: int, proportion: float, color: str) -> None:
    column, row = at
    cell = Rectangle((column - 0.48, row - 0.47), 0.96, 0.94, facecolor=color, edgecolor="none")
    cell.set_alpha(0.1 + 0.8 * proportion)
    axes.add_patch(cell)
    ink = "white" if proportion > 0.55 else INK
    axes.text(column, row - 0.1, f"{count:,}", ha="center", va="center", fontsize=15, color=ink)
    axes.text(
        column, row + 0.22, f"{proportion:.1%}", ha="center", va="center", fontsize=10, color=ink
    )


def _cell_color(target: int, verdict: str) -> str:
    if verdict == "unsure":
        return MUTED
    return REAL_COLOR if (verdict == "fake") == bool(target) else FAKE_COLOR


def draw_calibration(calibration: dict[str, Any]) -> Figure:
    """Draw two reliability diagrams side by side, each over the counts of its bins.

    Args:
        calibration: What ``calibration.calibrate`` returns.
    """
    figure = make_figure(8.0, 4.6)
    panels = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(3, 1))
    for column, (state, words) in enumerate(_STATES):
        measured = calibration[state]
        title = f"{words}\ncalibration error {measured['ece']['value']:.3f}"
        _draw_diagram(panels[0, column], measured["bins"], title, calibration["confidence"])
        _draw_bin_counts(panels[1, column], measured["bins"])
    panels[0, 0].set_ylabel("proportion that is forged")
    panels[1, 0].set_ylabel("images")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, ncols=3, loc="outside lower center")
    return figure


def _draw_diagram(axes: Axes, bins: list[dict[str, float]], title: str, confidence: float) -> None:
    style_axes(axes, title=title, xlabel="", ylabel="")
    score, proportion, low, high = (
        np.array([row[name] for row in bins]) for name in ("score", "proportion", "low", "high")
    )
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="scores that keep their promise")
    axes.errorbar(
        score,
        proportion,
        yerr=np.maximum([proportion - low, high - proportion], 0.0),
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


def _draw_bin_counts(axes: Axes, bins: list[dict[str, float]]) -> None:
    style_axes(axes, title="", xlabel="score: probability of forgery", ylabel="")
    counts = [row["count"] for row in bins]
    axes.bar([row["score"] for row in bins], counts, width=0.03, color=MUTED)
    axes.set_yscale("log")
    axes.set_ylim(0.5, max(counts) * 3)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
