"""The images that a detector got most wrong, to look at."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageOps

from face_forgery.evaluation.reporting.style import FAKE_COLOR, INK, MUTED, clear_axes, make_figure

LISTED, DRAWN = 50, 6  # of each class
THUMBNAIL_SIDE = 160  # pixels
_MAX_CHARS = 18  # that fit under a thumbnail


def find_worst(val_scores: pd.DataFrame, *, per_class: int = LISTED) -> pd.DataFrame:
    """Return the real images with the highest scores, then the forgeries with the lowest.

    Args:
        val_scores: Columns ``target`` (0 = real, 1 = forged) and ``y_pred``, any others.
        per_class: At most so many of each class; equal scores in the order of the table.
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

    Args:
        worst: The rows of ``find_worst``, worst first: ``path``, ``target``, ``y_pred``, ``kind``,
            ``source`` and ``verdict`` (``real``, ``unsure`` or ``fake``).
        read_image: ``path -> (H, W, 3)``, 0 to 255.
    """
    figure = make_figure(6.4, 4.3, lays_out=False)
    grid = figure.add_gridspec(
        2, DRAWN, left=0.02, right=0.98, top=0.91, bottom=0.16, wspace=0.12, hspace=0.75
    )
    titles = ("Real images that look most forged", "Forgeries that look most real")
    for target, title in enumerate(titles):
        line = [figure.add_subplot(grid[target, column]) for column in range(DRAWN)]
        clear_axes(line)
        line[0].set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=8)
        of_class = worst[worst["target"] == target].itertuples(index=False)
        for axes, row in zip(line, of_class, strict=False):
            axes.imshow(_shrink(read_image(str(row.path))))
            _write_caption(axes, row)
    return figure


def _write_caption(axes: Axes, row: Any) -> None:
    is_wrong = row.verdict == ("real" if row.target else "fake")
    color = FAKE_COLOR if is_wrong else INK
    if is_wrong:
        axes.spines[:].set(visible=True, color=color, linewidth=2.5)
    origin = str(row.kind if row.target else row.source)
    if len(origin) > _MAX_CHARS:
        origin = f"{origin[: _MAX_CHARS - 3]}..."
    lines = (
        (f"{row.y_pred:.3f}", 9.0, color, 5),
        (str(row.verdict), 9.0, color, 18),
        (origin, 7.0, MUTED, 32),
    )
    for text, size, ink, points_below in lines:
        axes.annotate(
            text,
            (0.5, 0.0),
            xycoords="axes fraction",
            xytext=(0, -points_below),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=size,
            color=ink,
            parse_math=False,  # a kind may hold a dollar sign
        )


def _shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.asarray(ImageOps.pad(Image.fromarray(pixels), side, color="white"))
