"""The scores of a person's frames to one number, and where in the video it comes from.

A window begins at a judged frame and lasts a few seconds. Its value is the lower median of the
scores in it: more than half of its frames are at least so suspicious. The value of a person is the
highest of its windows, that of a video the highest of its persons. So a forgery of a few seconds
does not drown in a long video, as it would in a mean, and one bad frame decides nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-6  # seconds


@dataclass(frozen=True)
class Stretch:
    """Some seconds of a person."""

    score: float  # of its most suspicious window, in [0, 1]
    start: float  # seconds, its first and its last frame
    end: float


class WindowSpans(NamedTuple):
    """Windows of a person, as frames."""

    starts: NDArray[np.intp]  # (K,), ascending: the first frame of each
    ends: NDArray[np.intp]  # (K,), ascending: the frame behind its last one


def cut_windows(
    seconds: NDArray[np.float64], *, window_seconds: float, min_frames: int
) -> WindowSpans:
    """Return the windows of a person; one that lies within another is none.

    Args:
        seconds: ``(N,)``, ascending: the person's judged frames.
        window_seconds: A frame so much after the first one is the last one of a window.
        min_frames: What a window has at least.
    """
    ends = np.searchsorted(seconds, seconds + window_seconds + _ROUNDING, side="right")
    starts = np.arange(len(seconds))
    is_window = (np.diff(ends, prepend=0) > 0) & (ends - starts >= min_frames)
    return WindowSpans(starts[is_window], ends[is_window])


def rate_windows(scores: NDArray[np.float64], spans: WindowSpans) -> NDArray[np.float64]:
    """Return, ``(K,)``, the score that more than half of the frames of each window reach.

    Args:
        scores: ``(N,)`` in [0, 1], the probability of forgery.
        spans: K windows.
    """
    return np.array([_lower_median(scores[start:end]) for start, end in zip(*spans, strict=True)])


def find_stretch(
    seconds: NDArray[np.float64],
    scores: NDArray[np.float64],
    spans: WindowSpans,
    *,
    levels: tuple[float, ...] = (),
) -> Stretch | None:
    """Return the most suspicious stretch of a person; ``None`` if there is no window.

    Args:
        seconds: ``(N,)``, ascending.
        scores: ``(N,)`` in [0, 1], the probability of forgery.
        spans: What ``cut_windows`` returns for ``seconds``.
        levels: Scores from which on a verdict is another. The stretch goes as far as windows that
            overlap reach the highest of them that the best one reaches, less the frames at its
            ends that do not; without one, it is the best window.
    """
    values = rate_windows(scores, spans)
    if not len(values):
        return None
    best = first = last = int(values.argmax())
    level = max((level for level in levels if values[best] >= level), default=None)
    if level is not None:
        reaches = values >= level
        joined = reaches[1:] & reaches[:-1] & (spans.starts[1:] < spans.ends[:-1])
        while first > 0 and joined[first - 1]:
            first -= 1
        while last < len(joined) and joined[last]:
            last += 1
    frames = np.arange(spans.starts[first], spans.ends[last])
    if level is not None:
        frames = frames[scores[frames] >= level]
    return Stretch(float(values[best]), float(seconds[frames[0]]), float(seconds[frames[-1]]))


def _lower_median(values: NDArray[np.float64]) -> float:
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])
