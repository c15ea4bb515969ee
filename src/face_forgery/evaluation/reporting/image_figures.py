"""Figures that show images: what a data set holds, and what a detector got most wrong."""

from collections.abc import Callable
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
from face_forgery.data.labels.manifest import SUBSETS, cut
from face_forgery.data.labels.set_summary import class_names, count_values
from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    SMALLEST,
    WIDTH,
    clear_axes,
    make_figure,
    plain,
    write_title,
)

LISTED, DRAWN = 50, 6  # mistakes of each class
SIDE = 160  # pixels of an image in a figure

_COLORS = {"real": REAL_COLOR, "fake": FAKE_COLOR, "unlabelled": MUTED}
_MOST_BARS = 14
_MOST_SIZES = 6
_FEWEST_BARS = 6  # two bars do not fill a panel
_EXAMPLES = 8


def draw_data(manifest: pd.DataFrame, *, root: Path) -> Figure:
    """Draw counts by subset and kind, sizes of files and images, and examples.

    The same manifest always gives the same figure. ``path`` is relative to ``root``.

    Raises:
        ImageError: If an example cannot be read any more.
    """
    labels = class_names(manifest)
    classes = {name: manifest[labels == name] for name in _COLORS if (labels == name).any()}
    figure = make_figure(WIDTH, 5.4 + 1.2 * len(classes))
    parts: Any = figure.subfigures(2, 1, height_ratios=(5.4, 1.2 * len(classes)), hspace=0.03)
    panels = parts[0].subplot_mosaic([["counts", "counts"], ["sizes", "weights"]])
    _draw_counts(panels["counts"], manifest.assign(label=labels))
    _draw_sizes(panels["sizes"], classes)
    _draw_file_sizes(panels["weights"], classes)
    _draw_examples(parts[1], classes, root)
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


def _draw_sizes(axes: Axes, classes: dict[str, pd.DataFrame]) -> None:
    sizes = {
        name: rows["width"].astype("string") + " x " + rows["height"].astype("string")
        for name, rows in classes.items()
    }
    order = list(count_values(pd.concat(sizes.values()), at_most=_MOST_SIZES))
    if any(not size.isin(order).all() for size in sizes.values()):
        order.append("other")
    height = 0.8 / len(sizes)
    for rank, (name, size) in enumerate(sizes.items()):
        named = size.where(size.isin(order), "other")
        percent = 100 * named.value_counts(normalize=True).reindex(order, fill_value=0.0)
        heights = np.arange(len(order)) + (rank - (len(sizes) - 1) / 2) * height
        axes.barh(heights, percent.to_numpy(float), height, color=_COLORS[name], label=name)
    axes.set_yticks(range(len(order)), order, fontsize=8)
    axes.set_ylim(max(len(order), _FEWEST_BARS) - 0.4, -0.6)
    axes.set_xlim(0, 105)
    _finish(axes, "Size in pixels", "% of the class")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _draw_file_sizes(axes: Axes, classes: dict[str, pd.DataFrame]) -> None:
    kilobytes = {name: rows["num_bytes"].to_numpy(float) / 1000 for name, rows in classes.items()}
    low, high = (end(end(one) for one in kilobytes.values()) for end in (min, max))
    edges = list(np.geomspace(max(low, 0.01) * 0.9, max(high, 0.02) * 1.1, 50))
    for name, one in kilobytes.items():
        percent, color = np.full(len(one), 100 / len(one)), _COLORS[name]
        axes.hist(one, edges, weights=percent, histtype="step", color=color, linewidth=1.6)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    formats = ", ".join(sorted({one for rows in classes.values() for one in rows["format"]}))
    _finish(axes, f"File size ({_shorten(formats)})", "kB, logarithmic")
    axes.set_ylabel("% of the class", fontsize=8)


def _draw_examples(figure: SubFigure, classes: dict[str, pd.DataFrame], root: Path) -> None:
    """Draw one image a group, each kind in turn, ordered by content."""
    grid = figure.subplots(len(classes), 1, squeeze=False)[:, 0]
    for axes, (name, rows) in zip(grid, classes.items(), strict=True):
        unlike = rows.sort_values("sha256").drop_duplicates("group")
        unlike = unlike.assign(turn=unlike.groupby("kind").cumcount())
        chosen = unlike.sort_values(["turn", "kind"])["path"].head(_EXAMPLES)
        strip = np.full((SIDE, _EXAMPLES * SIDE, 3), 255, np.uint8)
        for start, path in zip(range(0, strip.shape[1], SIDE), chosen, strict=False):
            strip[:, start : start + SIDE] = _read_square(root / path)
        axes.imshow(strip, interpolation="none")
        axes.set_axis_off()
        axes.set_title(name, loc="left", fontsize=10, color=_COLORS[name], fontweight="bold")


def _read_square(path: Path) -> NDArray[np.uint8]:
    side = SIDE - 4
    image = Image.fromarray(read_reduced(path, side=SIDE).pixels)
    square = ImageOps.fit(image, (side, side), Image.Resampling.BICUBIC)
    return np.asarray(ImageOps.expand(square, border=2, fill="white"))


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _shorten(text: str, length: int = 26) -> str:
    return plain(cut(text, length))


def find_worst(val_scores: pd.DataFrame, *, per_class: int = LISTED) -> pd.DataFrame:
    """Return the real images with the highest scores, then the forgeries with the lowest.

    At most ``per_class`` of each; equal scores in the order of the table.
    """
    by_score = val_scores.sort_values("y_pred", kind="stable")
    reals = by_score[by_score["target"] == 0].iloc[::-1].head(per_class)
    forgeries = by_score[by_score["target"] == 1].head(per_class)
    return pd.concat([reals, forgeries], ignore_index=True)


def draw_mistakes(
    worst: pd.DataFrame,
    read_image: Callable[[str], NDArray[np.uint8]],
) -> Figure:
    """Draw the first six of both classes as thumbnails; a wrong verdict has a frame.

    ``worst`` are the rows of ``find_worst``, worst first, with ``path``, ``target``, ``y_pred``,
    ``kind``, ``source`` and ``verdict`` (``real``, ``unsure`` or ``fake``).
    """
    figure = make_figure(WIDTH, 4.6, lays_out=False)
    grid = figure.add_gridspec(
        2, DRAWN, left=0.02, right=0.98, top=0.91, bottom=0.16, wspace=0.12, hspace=0.75
    )
    titles = ("Real images that look most forged", "Forgeries that look most real")
    for target, title in enumerate(titles):
        line = [figure.add_subplot(grid[target, column]) for column in range(DRAWN)]
        clear_axes(*line)
        write_title(line[0], title, pad=8)
        of_class = worst[worst["target"] == target].itertuples(index=False)
        for axes, row in zip(line, of_class, strict=False):
            image = Image.fromarray(read_image(str(row.path)))
            axes.imshow(np.asarray(ImageOps.pad(image, (SIDE, SIDE), color="white")))
            _write_caption(axes, row)
    return figure


def _write_caption(axes: Axes, row: Any) -> None:
    is_wrong = row.verdict == ("real" if row.target else "fake")
    color = FAKE_COLOR if is_wrong else INK
    if is_wrong:
        axes.spines[:].set(visible=True, color=color, linewidth=2.5)
    origin = str(row.kind if row.target else row.source)
    lines = (
        (f"{row.y_pred:.3f}", 9.0, color, 5),
        (row.verdict, 9.0, color, 18),
        (_shorten(origin, 14), SMALLEST, MUTED, 32),
    )
    for text, size, ink, points_below in lines:
        axes.annotate(
            text, (0.5, 0.0), xycoords="axes fraction", xytext=(0, -points_below),
            textcoords="offset points", ha="center", va="top", fontsize=size, color=ink,
        )  # fmt: skip
