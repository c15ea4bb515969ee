"""Figures of training, of hold-out groups, of degradations and of shortcuts.

Each takes what the pipeline of its name writes.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from face_forgery.data.labels.manifest import cut
from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    SMALLEST,
    WIDTH,
    clear_axes,
    draw_cell,
    draw_interval,
    draw_legend,
    make_axes,
    make_figure,
    plain,
    style_axes,
    write_title,
)

_HEAT = colormaps["YlOrRd_r"].resampled(256)
_APART = 0.13  # of a row: so that two intervals do not hide each other


def draw_training(history: Sequence[dict[str, Any]], chosen: int) -> Figure:
    """Draw cross-entropy (left) and validation AUC (right) by epoch; the ``chosen`` one is marked.

    ``history`` has a row for every epoch with ``epoch``, ``train_loss``, ``val_loss``, ``val_auc``
    and with hold-out groups, which have lines of their own, ``val_auc_held_out``, group -> AUC.

    Raises:
        ValueError: If there is no epoch.
    """
    if not history:
        raise ValueError("the training history has no epoch: there is nothing to draw")
    epochs = [row["epoch"] for row in history]
    figure = make_figure(WIDTH, 3.4)
    losses, aucs = figure.subplots(1, 2)
    style_axes(losses, title="Loss", xlabel="epoch", ylabel="cross-entropy (nats)")
    style_axes(aucs, title="Validation AUC", xlabel="epoch", ylabel="area under the ROC curve")
    values = [row["val_auc"] for row in history]
    for axes, ys, color, label in (
        (losses, [row["train_loss"] for row in history], MUTED, "training"),
        (losses, [row["val_loss"] for row in history], INK, "validation"),
        (aucs, values, INK, "validation"),
    ):
        axes.plot(epochs, ys, "o-", color=color, ms=4, lw=1.6, label=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    losses.set_ylim(bottom=0.0)
    losses.legend(frameon=False)
    best = epochs.index(chosen)
    aucs.plot(chosen, values[best], "o", ms=11, mfc="none", mec=INK, label="chosen")
    aucs.annotate(
        f"{values[best]:.3f}, epoch {chosen}",
        (chosen, values[best]),
        xytext=(0, 10),
        textcoords="offset points",
        ha="right" if best > len(values) / 2 else "left",
        va="bottom",
        color=INK,
    )
    groups = history[0].get("val_auc_held_out", {})
    for number, name in enumerate(groups):
        ys, color = [row["val_auc_held_out"][name] for row in history], f"C{number % 10}"
        aucs.plot(epochs, ys, "o--", color=color, ms=3, lw=1.2, label=f"held out: {plain(name)}")
    if groups:
        aucs.legend(frameon=False, fontsize=8)
    aucs.margins(y=0.2)
    return figure


def draw_groups(cross_validation: dict[str, Any]) -> Figure:
    """Draw AUC within and on the unseen group with their intervals, the worst group lowest."""
    groups = sorted(cross_validation["groups"], key=lambda group: group["unseen"]["value"])
    mean = {name: cross_validation[f"{name}_mean"] for name in ("within", "unseen")}
    rows = [{"name": "mean", **mean}, *groups]
    height = 1.7 + 0.5 * len(rows)
    figure, axes = make_axes(WIDTH, height, title="What an unseen group costs", xlabel="AUC")
    names = []
    for y, row in enumerate(rows):
        within, unseen = row["within"], row["unseen"]
        draw_interval(axes, y + _APART, within, REAL_COLOR)
        draw_interval(axes, y - _APART, unseen, FAKE_COLOR)
        values = f"within {within['value']:.3f}, unseen {unseen['value']:.3f}"
        names.append(f"{plain(row['name'])}\n{values}")
    axes.axhline(0.5, color=MUTED, lw=0.8)
    axes.axvline(0.5, color=MUTED, lw=1.0, ls=":")
    axes.set_yticks(range(len(rows)), names)
    axes.plot([], [], "o", color=REAL_COLOR, label="images like those of training")
    axes.plot([], [], "o", color=FAKE_COLOR, label="the group, never seen")
    confidence = cross_validation["bootstrap"]["confidence"]
    title = f"{confidence:.0%} intervals; dotted: guessing"
    draw_legend(figure, ncols=2, title=title, title_fontsize=9)
    return figure


def draw_shortcuts(shortcuts: list[dict[str, Any]], *, limit: float) -> Figure:
    """Draw the AUC of each probe with its interval, all images first, then source by source."""
    rows = [row for row in shortcuts if row["auc"]["value"] is not None]
    figure, axes = make_axes(
        WIDTH,
        1.3 + 0.3 * max(len(rows), 2),
        title="How far one gets without looking at the face",
        xlabel="AUC of a probe; guessing: 0.5",
    )
    axes.grid(visible=False, axis="y")
    axes.axvline(0.5, color=MUTED, linestyle=":")
    axes.axvline(limit, color=INK, linestyle="--", linewidth=1.0)
    for y, row in enumerate(rows):
        auc, color = row["auc"], FAKE_COLOR if row["is_warning"] else REAL_COLOR
        draw_interval(axes, y, auc, color)
        words = f"{auc['value']:.2f}"
        axes.text(auc["high"] + 0.008, y, words, va="center", fontsize=9, color=color)
    names = [
        row["probe"] if row["source"] is None else f"{row['source']}: {row['probe']}"
        for row in rows
    ]
    axes.set_yticks(range(len(rows)), [plain(name) for name in names])
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.9)
    axes.text(limit, -0.62, f" warned about from {limit:g}", fontsize=8.5, color=INK, va="center")
    lowest = min((row["auc"]["low"] for row in rows), default=0.5)
    highest = max((row["auc"]["high"] for row in rows), default=limit)
    axes.set_xlim(min(lowest, 0.45) - 0.03, max(highest, limit + 0.17) + 0.05)
    return figure


_PROMISE_COLORS = {"held": REAL_COLOR, "broken": FAKE_COLOR, "cannot be said": MUTED}


def draw_testing(testing: dict[str, Any]) -> Figure:
    """Draw a row a set and unit: AUC with interval (left), false alarms beside the promise (right).

    The axis of false alarms is logarithmic above 0.1 %.
    """
    rows = testing["rows"][::-1]
    if not rows:
        figure = make_figure(WIDTH, 1.0)
        figure.text(0.5, 0.5, "No labelled set was tested.", ha="center", va="center", color=MUTED)
        return figure
    figure = make_figure(WIDTH, 1.7 + 0.52 * len(rows))
    aucs, alarms = figure.subplots(1, 2, sharey=True)
    style_axes(aucs, title="AUC", xlabel="guessing: 0.5", ylabel="")
    style_axes(
        alarms, title="False alarms, and the promise", xlabel="real ones called fake", ylabel=""
    )
    lowest = [row["metrics"]["auc"]["low"] for row in rows if row["metrics"]["auc"]["value"]]
    aucs.set_xlim(min([0.5, *lowest]) - 0.2, 1.05)
    aucs.axvline(0.5, color=MUTED, lw=1.0, ls=":")
    alarms.set_xscale("symlog", linthresh=1e-3)
    alarms.set_xlim(-1e-4, 1.3)
    alarms.set_xticks([0.0, 1e-3, 1e-2, 1e-1, 1.0], ["0", "0.1%", "1%", "10%", "100%"])
    alarms.minorticks_off()
    promised = testing["operating_points"]["promised_fpr"]
    alarms.axvline(promised, color=INK, lw=1.2, ls="--")
    for y, row in enumerate(rows):
        auc, fpr, word = row["metrics"]["auc"], row["promise"]["fpr"], row["promise"]["word"]
        _draw_tested(aucs, y, auc, INK, f"{auc['value'] or 0.0:.3f}")
        _draw_tested(
            alarms, y, fpr, _PROMISE_COLORS[word], f"{100 * (fpr['value'] or 0.0):.3g}%, {word}"
        )
    names = [
        f"{cut(plain(row['set']), 24)}\n{row['counts']['num']:,} {row['unit']}s" for row in rows
    ]
    aucs.set_yticks(range(len(rows)), names)
    aucs.set_ylim(-0.4, len(rows) - 0.3)
    confidence = testing["bootstrap"]["confidence"]
    title = f"{confidence:.0%} intervals; dashed: at most {100 * promised:.3g}%, as promised"
    draw_legend(figure, [], [], title=title, title_fontsize=9)
    return figure


def _draw_tested(axes: Axes, y: int, measured: dict[str, Any], color: str, words: str) -> None:
    if measured["value"] is None:
        words, color, height = "not measured", MUTED, 0.0
    else:
        draw_interval(axes, y, measured, color)
        height = 0.26
    axes.text(
        *(0.02, y + height, words),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=9,
        color=color,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
    )


def draw_robustness(robustness: dict[str, Any]) -> Figure:
    """Draw the AUC of every degradation at every level, weakest level first.

    A cell shows the AUC and, below it, how strong the degradation is; it is framed where the AUC
    fell by more than chance, that is where the interval of the drop lies above 0.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for cell in robustness["cells"]:
        rows.setdefault(cell["title"], []).append(cell)
    num_columns = max(len(cells) for cells in rows.values())
    figure = make_figure(2.3 + 0.98 * num_columns, 1.5 + 0.5 * len(rows))
    axes = figure.subplots()
    clear_axes(axes)
    clean = robustness["clean"]["auc"]
    interval = f"{clean['low']:.3f} to {clean['high']:.3f}"
    write_title(axes, f"AUC of degraded images (as they are: {clean['value']:.3f}, {interval})")
    for row, (title, cells) in enumerate(rows.items()):
        axes.text(-0.58, row, title, ha="right", va="center", fontsize=9.5, color=INK)
        for column, cell in enumerate(sorted(cells, key=lambda cell: cell["level"])):
            _draw_degraded(axes, column, row, cell)
    axes.set_xlim(-2.6, num_columns - 0.45)
    axes.set_ylim(len(rows) + 0.15, -0.55)
    words = (
        f"{robustness['num_real']:,} real and {robustness['num_fake']:,} forged images, both "
        "degraded alike; strength grows to the right.\nFramed: worse by more than chance."
    )
    axes.text(-0.5, len(rows) - 0.25, words, fontsize=8.5, color=MUTED, va="top")
    return figure


def _draw_degraded(axes: Axes, column: int, row: int, cell: dict[str, Any]) -> None:
    auc = cell["auc"]["value"]
    shade = min(max(2 * auc - 1, 0.0), 1.0)  # 0: guessing, 1: perfect
    draw_cell(
        axes,
        column,
        row,
        (f"{auc:.2f}", cell["label"]),
        (11, SMALLEST),
        facecolor=_HEAT(shade),
        edgecolor=INK if cell["drop"]["low"] > 0 else "none",
        linewidth=1.6,
        ink=INK if shade > 0.35 else "white",
    )
