"""The scores of a person's frames to one number, and where in the video it comes from.

A window begins at each judged frame and lasts a few seconds. Its value is the lower median of the
scores in it: more than half of its frames are at least so suspicious. The value of a person is the
highest of its windows, that of a video the highest of its persons. So a forgery of a few seconds
does not drown in a long video, as it would in a mean, and one bad frame decides nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-6  # seconds


@dataclass(frozen=True)
class Stretch:
    """Some seconds of a person."""

    score: float  # of its most suspicious window, in [0, 1]
    start: float  # seconds, its first and its last frame
    end: float


def slide_window(
    seconds: NDArray[np.float64],
    scores: NDArray[np.float64],
    *,
    window_seconds: float,
    min_frames: int,
) -> NDArray[np.float64]:
    """Return the value of the window that begins at each frame of a person.

    Args:
        seconds: ``(N,)``, ascending.
        scores: ``(N,)`` in [0, 1], the probability of forgery.
        window_seconds: A frame so much later is the last one of a window.
        min_frames: A window with fewer frames has no value.

    Returns:
        ``(N,)``: the score that more than half of the frames reach; NaN for too few frames.
    """
    ends = window_ends(seconds, window_seconds)
    values = np.full(len(seconds), np.nan)
    for start, end in enumerate(ends):
        if end - start >= min_frames:
            inside = scores[start:end]
            middle = (len(inside) - 1) // 2
            values[start] = np.partition(inside, middle)[middle]
    return values


def window_ends(seconds: NDArray[np.float64], window_seconds: float) -> NDArray[np.intp]:
    """Return, ``(N,)``, the first frame behind the window that begins at each frame."""
    return np.searchsorted(seconds, seconds + window_seconds + _ROUNDING, side="right")


def find_stretch(
    seconds: NDArray[np.float64],
    scores: NDArray[np.float64],
    *,
    window_seconds: float,
    min_frames: int,
    levels: tuple[float, ...] = (),
) -> Stretch | None:
    """Return the most suspicious stretch of a person; ``None`` if no window has enough frames.

    Args:
        seconds: As ``slide_window``.
        scores: As ``slide_window``.
        window_seconds: As ``slide_window``.
        min_frames: As ``slide_window``.
        levels: Scores from which on a verdict is another. The stretch goes as far as windows
            without a break reach the highest of them that the best one reaches, less the frames at
            its ends that do not; without one, it is the best window.
    """
    values = slide_window(seconds, scores, window_seconds=window_seconds, min_frames=min_frames)
    if np.isnan(values).all():
        return None
    best = first = last = int(np.nanargmax(values))
    level = max((level for level in levels if values[best] >= level), default=None)
    if level is not None:
        reaches = values >= level
        follows = np.diff(seconds) <= window_seconds + _ROUNDING
        joined = reaches[1:] & reaches[:-1] & follows
        while first > 0 and joined[first - 1]:
            first -= 1
        while last < len(joined) and joined[last]:
            last += 1
    frames = np.arange(first, window_ends(seconds, window_seconds)[last])
    if level is not None:
        frames = frames[scores[frames] >= level]
    return Stretch(float(values[best]), float(seconds[frames[0]]), float(seconds[frames[-1]]))
