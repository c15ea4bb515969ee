"""One look for all figures: colors, fonts, axes. No pyplot, no global state, no display."""

from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

# Blue and vermilion of Okabe and Ito: told apart by the color-blind, and in gray print.
REAL_COLOR = "#0072b2"
FAKE_COLOR = "#d55e00"
INK = "#222222"
MUTED = "#6b6b6b"
SHADE = "#ececec"
DPI = 150
# On a page all figures are shown this wide, also on a phone, where one scrolls: at 100 pixels an
# inch, text of SMALLEST points is 11 pixels high.
WIDTH = 7.2  # inches, at most
SMALLEST = 8.0  # points


def make_figure(width: float, height: float, *, lays_out: bool = True) -> Figure:
    """Return an empty figure of ``width`` by ``height`` inches.

    ``lays_out``: whether it makes room for titles and labels by itself.
    """
    layout: Literal["constrained"] | None = "constrained" if lays_out else None
    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")


def make_axes(
    width: float, height: float, *, title: str = "", xlabel: str = "", ylabel: str = ""
) -> tuple[Figure, Axes]:
    """Return a figure of ``width`` by ``height`` inches and its only, styled axes."""
    figure = make_figure(width, height)
    axes = figure.subplots()
    style_axes(axes, title=title, xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def style_axes(axes: Axes, *, title: str, xlabel: str, ylabel: str) -> None:
    """Put the words on and take the ink off: a light grid, no frame."""
    write_title(axes, title)
    axes.set_xlabel(xlabel, color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", colors=MUTED, labelcolor=INK)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def write_title(axes: Axes, title: str, **options: Any) -> None:
    """Write the title of ``axes``."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, **options)


def clear_axes(*all_axes: Axes) -> None:
    """Leave only what is drawn: no ticks, no frame."""
    for axes in all_axes:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)


def draw_legend(figure: Figure, *handles: Any, **options: Any) -> None:
    """Explain the colors below the axes."""
    options = {"frameon": False, "fontsize": 9, "columnspacing": 1.2} | options
    figure.legend(*handles, loc="outside lower center", **options)


def draw_interval(axes: Axes, y: float, measured: dict[str, float], color: str) -> None:
    """Draw a value as a dot on the line of its interval, at the height ``y``."""
    axes.plot([measured["low"], measured["high"]], [y, y], "-", color=color, lw=2.0)
    axes.plot(measured["value"], y, "o", color=color, ms=6)


def draw_cell(
    axes: Axes,
    column: int,
    row: int,
    words: tuple[str, str],
    sizes: tuple[float, float],
    **box: Any,
) -> None:
    """Draw a cell of a table whose columns and rows are one unit wide: two lines in a box.

    ``sizes`` are those of the fonts; ``box`` is of the rectangle, and ``ink``, of the text.
    """
    ink = box.pop("ink")
    axes.add_patch(Rectangle((column - 0.47, row - 0.46), 0.94, 0.92, **box))
    for text, size, y in zip(words, sizes, (row - 0.11, row + 0.24), strict=True):
        axes.text(column, y, text, ha="center", va="center", fontsize=size, color=ink)


def plain(text: str) -> str:
    r"""Return ``text`` as it is written to be drawn as it is: between dollar signs there is math.

    A name that holds such signs and is no formula would end the run.

    Example:
        >>> print(plain("a$b$c"))
        a\$b\$c
    """
    return text.replace("$", r"\$")
