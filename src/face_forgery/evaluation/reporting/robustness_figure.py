"""The figure of what degradations cost."""

from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from face_forgery.evaluation.reporting.style import INK, MUTED, clear_axes, make_figure

_COLORS = colormaps["YlOrRd_r"].resampled(256)
_WORST, _BEST = 0.5, 1.0  # ends of the color scale


def draw_robustness(robustness: dict[str, Any]) -> Figure:
    """Draw the AUC of every degradation at every level, weakest level first.

    A cell shows the AUC and, below it, how strong the degradation is; it is framed where the AUC
    fell by more than chance, that is where the interval of the drop lies above 0.

    Args:
        robustness: ``clean`` and ``cells`` of the pipeline of the same name; a cell has ``title``,
            ``level``, ``label``, ``auc`` and ``drop``.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for cell in robustness["cells"]:
        rows.setdefault(cell["title"], []).append(cell)
    num_columns = max(len(cells) for cells in rows.values())
    figure = make_figure(2.3 + 0.98 * num_columns, 1.5 + 0.5 * len(rows))
    axes = figure.subplots()
    clear_axes([axes])
    clean = robustness["clean"]["auc"]
    axes.set_title(
        f"AUC of degraded images (as they are: {clean['value']:.3f}, "
        f"{clean['low']:.3f} to {clean['high']:.3f})",
        loc="left",
        fontsize=11,
        fontweight="bold",
        color=INK,
    )
    for row, (title, cells) in enumerate(rows.items()):
        axes.text(-0.58, row, title, ha="right", va="center", fontsize=9.5, color=INK)
        for column, cell in enumerate(sorted(cells, key=lambda cell: cell["level"])):
            _draw_cell(axes, (column, row), cell)
    axes.set_xlim(-2.6, num_columns - 0.45)
    axes.set_ylim(len(rows) + 0.15, -0.55)
    axes.text(
        -0.5,
        len(rows) - 0.25,
        f"{robustness['num_real']:,} real and {robustness['num_fake']:,} forged images, both "
        "degraded alike; strength grows to the right.\nFramed: worse by more than chance.",
        fontsize=8.5,
        color=MUTED,
        va="top",
    )
    return figure


def _draw_cell(axes: Axes, at: tuple[int, int], cell: dict[str, Any]) -> None:
    column, row = at
    value = cell["auc"]["value"]
    shade = min(max((value - _WORST) / (_BEST - _WORST), 0.0), 1.0)
    is_worse = cell["drop"]["low"] > 0
    axes.add_patch(
        Rectangle(
            (column - 0.47, row - 0.45),
            0.94,
            0.9,
            facecolor=_COLORS(shade),
            edgecolor=INK if is_worse else "none",
            linewidth=1.6,
        )
    )
    ink = INK if shade > 0.35 else "white"
    axes.text(column, row - 0.12, f"{value:.2f}", ha="center", va="center", fontsize=11, color=ink)
    axes.text(column, row + 0.25, cell["label"], ha="center", va="center", fontsize=7, color=ink)
