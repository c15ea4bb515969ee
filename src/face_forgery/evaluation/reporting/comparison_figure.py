"""ROC curves of several detectors in one picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from face_forgery.evaluation.reporting.style import MUTED, make_figure, plain, style_axes

_COLORS = [colormaps["tab10"](number) for number in range(10)]
_LINES = ("-", "--", "-.")


def draw_comparison(
    scores: Mapping[str, NDArray[np.float64]],
    targets: NDArray[np.int64],
    comparison: dict[str, Any],
) -> Figure:
    """Draw the ROC curves over a logarithmic false-positive axis.

    Args:
        scores: Name -> ``(N,)``, probability of forgery.
        targets: ``(N,)``, 0 = real, 1 = forged.
        comparison: What ``metrics.comparison.compare_detectors`` returns.
    """
    figure = make_figure(6.4, 4.6 + 0.22 * len(scores))
    axes = figure.subplots()
    style_axes(
        axes,
        title="ROC curves on the same pictures",
        xlabel="false-positive rate: share of real images called fake (logarithmic)",
        ylabel="share of forgeries found",
    )
    left_end = 0.4 / comparison["num_real"]
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
    guesses = np.geomspace(left_end, 1.0, 200)
    axes.plot(guesses, guesses, color=MUTED, linestyle=":", label="guessing")
    axes.set_xscale("log")
    axes.set_xlim(left_end, 1.0)
    axes.set_ylim(0.0, 1.02)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.legend(frameon=False, fontsize=9, ncols=1, loc="outside lower center")
    return figure
