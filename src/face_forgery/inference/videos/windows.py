"""The scores of each person's frames to one number, and where in the video it comes from.

A window begins at a judged frame and lasts a few seconds. Its value is the lower median of the
scores in it: more than half of its frames are at least so suspicious. The value of a person is the
highest of its windows, that of a video the highest of its persons. So a forgery of a few seconds
does not drown in a long video, as it would in a mean, and one bad frame decides nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from face_forgery.data.images.faces import Face
from face_forgery.inference.verdicts import decide_one
from face_forgery.modeling.detector import OperatingPoints
from face_forgery.params.inference import MIN_WINDOW_FRAMES

_ROUNDING = 1e-6  # seconds


class FrameScore(NamedTuple):
    """A judged face of a frame, or a judged frame where images are taken whole."""

    seconds: float  # from the first frame
    person: int  # from 1
    face: Face | None  # in pixels of the upright frame
    score: float  # the probability of forgery, in [0, 1]


class Windows(NamedTuple):
    """The windows of a person that have enough frames, by time."""

    person: int
    starts: NDArray[np.float64]  # (N,), seconds: the first frame of each
    ends: NDArray[np.float64]  # (N,), seconds: its last frame
    scores: NDArray[np.float64]  # (N,) in [0, 1]

    @property
    def middles(self) -> NDArray[np.float64]:
        """``(N,)``, seconds."""
        return (self.starts + self.ends) / 2


class Summary(NamedTuple):
    """What is said about a video that could be judged."""

    score: float  # of the most suspicious window of all persons, in [0, 1]
    verdict: str  # real, fake, unsure, or unfamiliar: none
    person: int  # whose window it is
    start: float  # seconds, of the most suspicious stretch
    end: float


def sum_up_persons(
    frames: Iterable[FrameScore], points: OperatingPoints, *, window_seconds: float
) -> tuple[tuple[Windows, ...], Summary | None]:
    """Return the windows of each person, and what follows from the most suspicious one.

    ``frames`` are sorted by time.
    """
    by_person: dict[int, list[FrameScore]] = {}
    for frame in frames:
        by_person.setdefault(frame.person, []).append(frame)
    levels = (points.real_threshold, points.fake_threshold)
    windows, best = [], None
    for person, own in sorted(by_person.items()):
        seconds = np.array([frame.seconds for frame in own])
        scores = np.array([frame.score for frame in own])
        starts, ends = find_windows(seconds, window_seconds=window_seconds)
        if not len(starts):
            continue
        values = rate_windows(scores, starts, ends)
        windows.append(Windows(person, seconds[starts], seconds[ends - 1], values))
        score = float(values.max())
        if best is None or score > best.score:
            start, end = find_stretch(seconds, scores, starts, ends, values, levels=levels)
            best = Summary(score, decide_one(score, points), person, start, end)
    return tuple(windows), best


def find_windows(
    seconds: NDArray[np.float64], *, window_seconds: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the windows of a person with at least three frames; one within another is none.

    Of frames at ``seconds``, ``(N,)`` and ascending, the result is ``(K,)`` each, ascending: the
    index of the first frame, and of the frame behind the last.
    """
    ends = np.searchsorted(seconds, seconds + window_seconds + _ROUNDING, side="right")
    starts = np.arange(len(seconds))
    is_window = (np.diff(ends, prepend=0) > 0) & (ends - starts >= MIN_WINDOW_FRAMES)
    return starts[is_window], ends[is_window]


def rate_windows(
    scores: NDArray[np.float64], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return, ``(K,)``, the score that more than half of the frames of each window reach."""
    windows = (scores[start:end] for start, end in zip(starts, ends, strict=True))
    return np.array([np.quantile(window, 0.5, method="lower") for window in windows])


def find_stretch(
    seconds: NDArray[np.float64],
    scores: NDArray[np.float64],
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
    values: NDArray[np.float64],
    *,
    levels: tuple[float, ...],
) -> tuple[float, float]:
    """Return first and last moment, in seconds, of the most suspicious stretch of a person.

    The stretch goes as far as windows that overlap reach the highest of ``levels``, where another
    verdict begins, that the best one reaches, less the frames at its ends that do not; without
    one, it is the best window. ``values`` is what ``rate_windows`` returns for K windows.
    """
    best = first = last = int(values.argmax())
    level = max((level for level in levels if values[best] >= level), default=None)
    if level is not None:
        reaches = values >= level
        joined = reaches[1:] & reaches[:-1] & (starts[1:] < ends[:-1])
        while first > 0 and joined[first - 1]:
            first -= 1
        while last < len(joined) and joined[last]:
            last += 1
    frames = np.arange(starts[first], ends[last])
    if level is not None:
        frames = frames[scores[frames] >= level]
    return float(seconds[frames[0]]), float(seconds[frames[-1]])
