"""One look for all figures: colors, fonts, axes. No pyplot, no global state, no display."""

from collections.abc import Iterable
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Blue and vermilion of Okabe and Ito: told apart by the color-blind, and in gray print.
REAL_COLOR = "#0072b2"
FAKE_COLOR = "#d55e00"
INK = "#222222"
MUTED = "#6b6b6b"
SHADE = "#ececec"
DPI = 150


def make_figure(width: float, height: float, *, lays_out: bool = True) -> Figure:
    """Return an empty figure of ``width`` by ``height`` inches.

    Args:
        width: Inches.
        height: Inches.
        lays_out: Whether it makes room for titles and labels by itself.
    """
    layout: Literal["constrained"] | None = "constrained" if lays_out else None
    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")


def style_axes(axes: Axes, *, title: str, xlabel: str, ylabel: str) -> None:
    """Put the words on and take the ink off: a light grid, no frame."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlabel(xlabel, color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(which="both", colors=MUTED, labelcolor=INK)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def plain(text: str) -> str:
    r"""Return ``text`` as it is written to be drawn as it is: between dollar signs there is math.

    A name that holds such signs and is no formula would end the run.

    Example:
        >>> print(plain("a$b$c"))
        a\$b\$c
    """
    return text.replace("$", r"\$")


def clear_axes(all_axes: Iterable[Axes]) -> None:
    """Leave only what is drawn: no ticks, no frame."""
    for axes in all_axes:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
