"""Figures of a data set: what it holds, and how far one gets without looking at the face."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image, ImageOps

from face_forgery.data.images.decoding import read_reduced
from face_forgery.data.labels.manifest import SUBSETS
from face_forgery.data.labels.set_summary import class_names, count_values
from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    make_figure,
    plain,
    style_axes,
)

_COLORS = {"real": REAL_COLOR, "fake": FAKE_COLOR, "unlabelled": MUTED}
_MOST_BARS = 14
_MOST_SIZES = 6
_FEWEST_BARS = 6  # two bars do not fill a panel
_EXAMPLES = 10
_EXAMPLE_SIDE = 160
_LABEL_LENGTH = 26


def draw_data(manifest: pd.DataFrame, *, root: Path) -> Figure:
    """Draw counts by subset and kind, sizes of files and images, and examples.

    The same manifest always gives the same figure.

    Args:
        manifest: The columns of ``MANIFEST_COLUMNS``, at least one row.
        root: What ``path`` is relative to.

    Raises:
        ImageError: If an example cannot be read any more.
    """
    rows = manifest.assign(label=class_names(manifest))
    figure = Figure(figsize=(13, 8.6), layout="constrained", facecolor="white")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.35, 1), hspace=0.03)
    above, below = parts
    counts, sizes, weights = above.subplots(1, 3, width_ratios=(1.5, 1, 1))
    _draw_counts(counts, rows)
    _draw_sizes(sizes, rows)
    _draw_file_sizes(weights, rows)
    _draw_examples(below, rows, root)
    return figure


def _draw_counts(axes: Axes, rows: pd.DataFrame) -> None:
    counts = rows.groupby(["subset", "label", "kind"]).size().reset_index(name="images")
    counts["rank"] = counts["subset"].map({name: rank for rank, name in enumerate(SUBSETS)})
    counts = counts.sort_values(["rank", "label", "images"], ascending=[True, False, False])
    rest = len(counts) - _MOST_BARS
    if rest > 0:
        counts = counts.nlargest(_MOST_BARS, "images").sort_values(["rank", "label"])
    names = [
        f"{subset} · {_shorten(kind if kind not in ('real', 'unknown') else label)}"
        for subset, label, kind in counts[["subset", "label", "kind"]].itertuples(index=False)
    ]
    bars = axes.barh(range(len(counts)), counts["images"], color=counts["label"].map(_COLORS))
    axes.bar_label(bars, labels=[f"{n:,}" for n in counts["images"]], padding=3, fontsize=8)
    axes.set_yticks(range(len(counts)), names, fontsize=8)
    axes.set_ylim(max(len(counts), _FEWEST_BARS) - 0.4, -0.6)
    axes.margins(x=0.16)
    more = f" (the largest {_MOST_BARS} of {len(counts) + rest} kinds)" if rest > 0 else ""
    _finish(axes, f"Images by subset and kind{more}", "images")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _draw_sizes(axes: Axes, rows: pd.DataFrame) -> None:
    size = rows["width"].astype("string") + " x " + rows["height"].astype("string")
    common = list(count_values(size, at_most=_MOST_SIZES))
    size = size.where(size.isin(common), "other")
    order = [*common, *(["other"] if (size == "other").any() else [])]
    labels = [name for name in _COLORS if (rows["label"] == name).any()]
    height = 0.8 / len(labels)
    for rank, label in enumerate(labels):
        mine = rows["label"] == label
        proportions = size[mine].value_counts(normalize=True).reindex(order, fill_value=0.0)
        heights = np.arange(len(order)) + (rank - (len(labels) - 1) / 2) * height
        axes.barh(
            heights, 100 * proportions.to_numpy(float), height, color=_COLORS[label], label=label
        )
    axes.set_yticks(range(len(order)), order, fontsize=8)
    axes.set_ylim(max(len(order), _FEWEST_BARS) - 0.4, -0.6)
    axes.set_xlim(0, 105)
    _finish(axes, "Size in pixels", "% of the class")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _draw_file_sizes(axes: Axes, rows: pd.DataFrame) -> None:
    kilobytes = rows["num_bytes"].to_numpy(float) / 1000
    low, high = max(kilobytes.min(), 0.01), max(kilobytes.max(), 0.02)
    edges = np.geomspace(low * 0.9, high * 1.1, 50)
    for label, color in _COLORS.items():
        mine = kilobytes[(rows["label"] == label).to_numpy()]
        if len(mine):
            percent = np.full(len(mine), 100 / len(mine))
            axes.hist(
                mine, list(edges), weights=percent, histtype="step", color=color, linewidth=1.6
            )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    formats = ", ".join(sorted(rows["format"].unique()))
    _finish(axes, f"File size ({_shorten(formats)})", "kB, logarithmic")
    axes.set_ylabel("% of the class", fontsize=8)


def _draw_examples(figure: SubFigure, rows: pd.DataFrame, root: Path) -> None:
    labels = [name for name in _COLORS if (rows["label"] == name).any()]
    grid = figure.subplots(len(labels), 1, squeeze=False)[:, 0]
    for axes, label in zip(grid, labels, strict=True):
        chosen = _choose_examples(rows[rows["label"] == label])
        strip = np.full((_EXAMPLE_SIDE, _EXAMPLES * _EXAMPLE_SIDE, 3), 255, np.uint8)
        for number, path in enumerate(chosen["path"]):
            start = number * _EXAMPLE_SIDE
            strip[:, start : start + _EXAMPLE_SIDE] = _read_square(root / path)
        axes.imshow(strip, interpolation="none")
        axes.set_axis_off()
        axes.set_title(label, loc="left", fontsize=10, color=_COLORS[label], fontweight="bold")


def _choose_examples(rows: pd.DataFrame) -> pd.DataFrame:
    """Take one image a group, each kind in turn, ordered by content."""
    rows = rows.sort_values("sha256").drop_duplicates("group")
    turn = rows.groupby("kind").cumcount()
    return rows.assign(turn=turn).sort_values(["turn", "kind"]).head(_EXAMPLES)


def _read_square(path: Path) -> NDArray[np.uint8]:
    side = _EXAMPLE_SIDE - 4
    image = Image.fromarray(read_reduced(path, side=_EXAMPLE_SIDE).pixels)
    square = ImageOps.fit(image, (side, side), Image.Resampling.BICUBIC)
    return np.asarray(ImageOps.expand(square, border=2, fill="white"))


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _shorten(text: str) -> str:
    return plain(text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 3] + "...")


def draw_shortcuts(shortcuts: list[dict[str, Any]], *, limit: float) -> Figure:
    """Draw the AUC of each probe with its interval, all images first, then source by source.

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
    for height, row in enumerate(rows):
        _draw_probe(axes, height, row)
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


def _draw_probe(axes: Axes, height: int, row: dict[str, Any]) -> None:
    auc = row["auc"]
    color = FAKE_COLOR if row["is_warning"] else REAL_COLOR
    axes.plot([auc["low"], auc["high"]], [height, height], color=color, linewidth=2.2)
    axes.plot(auc["value"], height, marker="o", color=color)
    axes.text(
        auc["high"] + 0.008, height, f"{auc['value']:.2f}", va="center", fontsize=9, color=color
    )
