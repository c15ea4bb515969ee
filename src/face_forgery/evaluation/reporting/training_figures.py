"""The figure of how training went."""

from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from face_forgery.evaluation.reporting.style import INK, MUTED, make_figure, plain, style_axes


def draw_training(history: Sequence[dict[str, Any]], chosen: int) -> Figure:
    """Draw cross-entropy (left) and validation AUC (right) by epoch.

    The chosen epoch is marked; folds that training never saw have lines of their own.

    Args:
        history: A row for every epoch with ``epoch``, ``train_loss``, ``val_loss``, ``val_auc`` and
            where folds are held out ``val_auc_held_out``, fold -> AUC.
        chosen: An epoch of ``history``.

    Raises:
        ValueError: If there is no epoch.
    """
    if not history:
        raise ValueError("the training history has no epoch: there is nothing to draw")
    epochs = [row["epoch"] for row in history]
    figure = make_figure(8.0, 3.4)
    losses, aucs = figure.subplots(1, 2)
    style_axes(losses, title="Loss", xlabel="epoch", ylabel="cross-entropy (nats)")
    _line(losses, epochs, [row["train_loss"] for row in history], MUTED, "training")
    _line(losses, epochs, [row["val_loss"] for row in history], INK, "validation")
    losses.set_ylim(bottom=0.0)
    losses.legend(frameon=False)

    values = [row["val_auc"] for row in history]
    best = epochs.index(chosen)
    style_axes(aucs, title="Validation AUC", xlabel="epoch", ylabel="area under the ROC curve")
    _line(aucs, epochs, values, INK, "validation")
    aucs.plot(epochs[best], values[best], "o", ms=11, mfc="none", mec=INK, label="chosen")
    aucs.annotate(
        f"{values[best]:.3f}, epoch {epochs[best]}",
        (epochs[best], values[best]),
        xytext=(0, 10),
        textcoords="offset points",
        ha="right" if best > len(values) / 2 else "left",
        va="bottom",
        color=INK,
    )
    _draw_folds(aucs, history)
    aucs.margins(y=0.2)
    return figure


def _draw_folds(axes: Axes, history: Sequence[dict[str, Any]]) -> None:
    names = history[0].get("val_auc_held_out", {})
    for number, name in enumerate(names):
        values = [row["val_auc_held_out"][name] for row in history]
        color = colormaps["tab10"](number % 10)
        epochs = [row["epoch"] for row in history]
        axes.plot(
            epochs, values, "o--", color=color, ms=3, lw=1.2, label=f"held out: {plain(name)}"
        )
    if names:
        axes.legend(frameon=False, fontsize=8)


def _line(axes: Axes, epochs: list[int], values: list[float], color: str, label: str) -> None:
    axes.plot(epochs, values, "o-", color=color, ms=4, lw=1.6, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
