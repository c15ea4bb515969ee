"""How training went, as a picture."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_TRAIN_COLOR, _VAL_COLOR = "#8c8c8c", "#0072b2"  # told apart by the color-blind, and in print


def draw_training(history: Sequence[dict[str, Any]]) -> Figure:
    """Draw cross-entropy (left) and validation AUC (right) by epoch; the best epoch is marked.

    Args:
        history: A row for every epoch with ``epoch``, ``train_loss``, ``val_loss`` and ``val_auc``.

    Raises:
        ValueError: If there is no epoch.
    """
    if not history:
        raise ValueError("the training history has no epoch: there is nothing to draw")
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    losses, aucs = figure.subplots(1, 2)
    _line(losses, epochs, [row["train_loss"] for row in history], _TRAIN_COLOR, "training")
    _line(losses, epochs, [row["val_loss"] for row in history], _VAL_COLOR, "validation")
    losses.set(title="Loss", xlabel="epoch", ylabel="cross-entropy (nats)")
    losses.set_ylim(bottom=0.0)
    losses.legend(frameon=False)

    values = [row["val_auc"] for row in history]
    best = values.index(max(values))
    _line(aucs, epochs, values, _VAL_COLOR, "validation")
    aucs.plot(epochs[best], values[best], "o", ms=10, mfc="none", mec="black", label="best")
    aucs.annotate(
        f"{values[best]:.3f}",
        (epochs[best], values[best]),
        xytext=(0, -16),
        textcoords="offset points",
        ha="center",
        va="top",
    )
    aucs.set(title="Validation AUC", xlabel="epoch", ylabel="area under the ROC curve")
    return figure


def _line(axes: Axes, epochs: list[int], values: list[float], color: str, label: str) -> None:
    axes.plot(epochs, values, "o-", color=color, ms=4, lw=1.6, label=label)
    axes.grid(alpha=0.3, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
