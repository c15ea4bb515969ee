"""Figures of scores: ROC curves, distributions, verdicts, calibration.

``metrics``, ``calibration`` and ``operating_points`` are what the functions of these names return.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    SHADE,
    WIDTH,
    draw_cell,
    draw_legend,
    make_axes,
    make_figure,
    plain,
    style_axes,
    write_title,
)

_VERDICTS = ("real", "unsure", "fake")
_NUM_BINS = 40
_CLASSES = (("real", REAL_COLOR), ("forged", FAKE_COLOR))
_LINES = ("-", "--", "-.")  # after ten colors
_IN_THOUSANDS = FuncFormatter(lambda count, _: f"{count:,.0f}")


def draw_roc(
    roc_curve: pd.DataFrame, metrics: dict[str, Any], operating_points: dict[str, Any]
) -> Figure:
    """Draw the ROC curve over a logarithmic false-positive axis.

    Left of one false alarm among the real images nothing can be measured: that part is shaded.
    """
    num_real = metrics["counts"]["num_real"]
    left_end = 0.4 / num_real
    figure, axes = _prepare_roc(f"ROC curve: {_describe_auc(metrics)}", left_end, 4.6)
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
    fpr, tpr, low, high = (roc_curve[name].to_numpy() for name in ("fpr", "tpr", "low", "high"))
    fpr = np.maximum(fpr, left_end)
    band = f"{metrics['bootstrap']['confidence']:.0%} bootstrap interval"
    axes.fill_between(
        fpr, low, high, step="post", color=FAKE_COLOR, alpha=0.18, linewidth=0, label=band
    )
    axes.step(fpr, tpr, where="post", color=FAKE_COLOR, label="detector")
    _draw_guessing(axes, left_end)
    point = max(operating_points["fpr"]["value"], left_end), operating_points["tpr"]["value"]
    axes.plot(
        *point, "o", ms=8, mfc="white", mec=INK, mew=1.6, clip_on=False, zorder=5,
        label='threshold for "fake"',
    )  # fmt: skip
    draw_legend(figure, ncols=4)
    return figure


def draw_comparison(
    scores: Mapping[str, NDArray[np.float64]],
    targets: NDArray[np.int64],
    comparison: dict[str, Any],
) -> Figure:
    """Draw the ROC curves of several detectors over a logarithmic false-positive axis.

    ``scores`` are by name, of the same images; ``comparison`` is what `compare_detectors` returns.
    """
    left_end, height = 0.4 / comparison["num_real"], 4.6 + 0.22 * len(scores)
    figure, axes = _prepare_roc("ROC curves on the same images", left_end, height)
    for number, (name, one) in enumerate(scores.items()):
        fpr, tpr, _ = roc_curve(targets, one, drop_intermediate=False)
        axes.step(
            np.maximum(fpr, left_end),
            tpr,
            where="post",
            color=f"C{number % 10}",
            linestyle=_LINES[number // 10 % len(_LINES)],
            label=f"{plain(name)}: {_describe_auc(comparison['detectors'][name])}",
        )
    _draw_guessing(axes, left_end)
    draw_legend(figure, ncols=1)
    return figure


def _describe_auc(measured: dict[str, Any]) -> str:
    auc = measured["auc"]
    return f"AUC {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"


def _prepare_roc(title: str, left_end: float, height: float) -> tuple[Figure, Axes]:
    figure, axes = make_axes(
        6.4,
        height,
        title=title,
        xlabel="false-positive rate: real images called fake (logarithmic)",
        ylabel="proportion of forgeries found",
    )
    axes.set_xscale("log")
    axes.set_xlim(left_end, 1.0)
    axes.set_ylim(0.0, 1.02)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure, axes


def _draw_guessing(axes: Axes, left_end: float) -> None:
    guesses = np.geomspace(left_end, 1.0, 200)
    axes.plot(guesses, guesses, color=MUTED, linestyle=":", label="guessing")


def draw_scores(
    scores: NDArray[np.floating[Any]],
    targets: NDArray[np.integer[Any]],
    operating_points: dict[str, Any],
) -> Figure:
    """Draw how many images of each class have which score, with both thresholds."""
    figure, axes = make_axes(
        6.4,
        4.2,
        title="Scores of real images and forgeries",
        xlabel="score: probability of forgery",
        ylabel="images (logarithmic)",
    )
    edges = np.linspace(0.0, 1.0, _NUM_BINS + 1)
    highest = 1
    for target, (name, color) in enumerate(_CLASSES):
        counts, _ = np.histogram(scores[targets == target], edges)
        highest = max(highest, int(counts.max()))
        label = f"{name} ({int(counts.sum()):,})"
        axes.stairs(counts, edges, baseline=0.5, fill=True, color=color, alpha=0.25)
        axes.stairs(counts, edges, baseline=0.5, color=color, linewidth=1.6, label=label)
    axes.set_yscale("log")
    axes.set_ylim(0.5, highest * 2.5)
    axes.set_xlim(0.0, 1.0)
    axes.yaxis.set_major_formatter(_IN_THOUSANDS)
    _mark_thresholds(axes, operating_points["real_threshold"], operating_points["fake_threshold"])
    draw_legend(figure, ncols=2)
    return figure


def _mark_thresholds(axes: Axes, real: float, fake: float) -> None:
    axes.axvspan(real, min(fake, 1.0), color=SHADE, linewidth=0, zorder=0)
    for threshold, words, side, color, height in (
        (real, f'"real" below {real:.3f}', "right", REAL_COLOR, 0.985),
        (fake, f'"fake" from {fake:.3f}', "left", FAKE_COLOR, 0.93),
    ):
        at = min(threshold, 1.0)
        axes.axvline(at, color=color, linestyle="--", linewidth=1.2)
        inside = "left" if threshold < 0.25 else "right" if threshold > 0.75 else side
        axes.text(
            at, height, f" {words} ", transform=axes.get_xaxis_transform(), ha=inside, va="top",
            fontsize=9, color=color,
        )  # fmt: skip


def draw_confusion(targets: NDArray[np.integer[Any]], verdicts: NDArray[np.str_]) -> Figure:
    """Draw which verdicts real images and forgeries got: counts and percentages of each row.

    ``verdicts`` is ``(N,)`` of ``real``, ``unsure`` and ``fake``.
    """
    figure = make_figure(6.4, 3.2)
    axes = figure.subplots()
    write_title(axes, "What the detector said")
    for target, (name, _) in enumerate(_CLASSES):
        of_class = verdicts[targets == target]
        for column, verdict in enumerate(_VERDICTS):
            count = int((of_class == verdict).sum())
            proportion = count / len(of_class)
            is_right = (verdict == "fake") == bool(target)
            color = MUTED if verdict == "unsure" else REAL_COLOR if is_right else FAKE_COLOR
            draw_cell(
                axes,
                column,
                target,
                (f"{count:,}", f"{proportion:.1%}"),
                (15, 10),
                facecolor=color,
                edgecolor="none",
                alpha=0.1 + 0.8 * proportion,
                ink="white" if proportion > 0.55 else INK,
            )
        words = f"{name}\n{len(of_class):,} images"
        axes.text(-0.62, target, words, ha="right", va="center", color=INK)
    axes.set_xlim(-0.55, 2.55)
    axes.set_ylim(1.55, -0.55)
    axes.set_xticks(range(3), [f'called "{verdict}"' for verdict in _VERDICTS])
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    return figure


def draw_calibration(calibration: dict[str, Any]) -> Figure:
    """Draw two reliability diagrams side by side, each over the counts of its bins."""
    figure = make_figure(WIDTH, 4.6)
    panels = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(3, 1))
    states = {"before": "as the network gives it", "after": "after temperature scaling"}
    for (diagram, counts), (state, words) in zip(panels.T, states.items(), strict=True):
        measured = calibration[state]
        title = f"{words}\ncalibration error {measured['ece']['value']:.3f}"
        _draw_diagram(diagram, measured["bins"], title, calibration["confidence"])
        _draw_bin_counts(counts, measured["bins"])
    panels[0, 0].set_ylabel("proportion that is forged")
    panels[1, 0].set_ylabel("images")
    draw_legend(figure, *panels[0, 0].get_legend_handles_labels(), ncols=3)
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
    axes.yaxis.set_major_formatter(_IN_THOUSANDS)
