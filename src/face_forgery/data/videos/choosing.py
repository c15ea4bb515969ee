"""Which frames of a video are taken: evenly, from its beginning, or of every scene."""

from itertools import islice
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from face_forgery.data.videos.frames import Video

Choice = Literal["even", "first", "scenes"]

_REDUCED = (64, 36)  # pixels; scenes are told apart by color, which this keeps
_BINS = 4  # of each channel
_NEW_SCENE = 0.3  # of the pixels change to another color from one frame to the next


def choose_times(video: Video, how: Choice, number: int) -> list[float]:
    """Return up to ``number`` times, in seconds, ascending, at which a video is sampled.

    ``even``: the frames in the middle of parts of equal length. ``first``: the first ones.
    ``scenes``: the first frame of every scene, and others evenly between, more of a longer scene;
    of more scenes than frames the longest. The last two decode the video up to there, and use it
    up.
    """
    if how == "even":
        part, half = video.duration / number, 0.5 / video.rate
        return [max(0.0, (index + 0.5) * part - half) for index in range(number)]
    if how == "first":
        return [frame.seconds for frame in islice(video.all_frames(), number)]
    seconds: list[float] = []
    starts: list[int] = []
    last = None
    for frame in video.all_frames():
        colors = _count_colors(frame.reduce(*_REDUCED))
        if last is None or np.abs(colors - last).sum() / 2 > _NEW_SCENE:
            starts.append(len(seconds))
        seconds.append(frame.seconds)
        last = colors
    return [seconds[index] for index in deal_frames(starts, len(seconds), number)]


def deal_frames(starts: list[int], end: int, number: int) -> list[int]:
    """Return the indices of up to ``number`` of ``end`` frames, ascending.

    ``starts`` are the first frames of the scenes. Each scene has its first frame taken; what is
    left over is dealt by length, the largest remainders first.

    Example:
        >>> deal_frames([0, 4], 10, 5)
        [0, 2, 4, 6, 8]
    """
    lengths = np.diff([*starts, end])
    longest = np.sort(np.argsort(-lengths, kind="stable")[:number])
    starting, lengths = np.array(starts, int)[longest], lengths[longest]
    others = max(min(number, int(lengths.sum())) - len(lengths), 0)
    wanted = others * (lengths - 1) / max(int((lengths - 1).sum()), 1)
    counts = wanted.astype(int)
    order = np.argsort(counts - wanted, kind="stable")
    counts[order[: others - int(counts.sum())]] += 1
    return [
        int(start + index * length // (count + 1))
        for start, length, count in zip(starting, lengths.tolist(), counts.tolist(), strict=True)
        for index in range(count + 1)
    ]


def _count_colors(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the proportion of pixels ``(B ** 3,)`` of each color.

    Source: Zhang, Kankanhalli and Smoliar 1993, Automatic partitioning of full-motion video.
    """
    channels, bins, ranges = [0, 1, 2], [_BINS] * 3, [0, 256] * 3
    counts = cv2.calcHist([pixels], channels, None, bins, ranges).ravel()
    return np.asarray(counts / counts.sum(), np.float64)
