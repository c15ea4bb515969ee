"""What is said about a video, as values."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from face_forgery.inference.verdicts import decide
from face_forgery.inference.videos.windows import FrameScore, Summary, Windows
from face_forgery.modeling.detector import OperatingPoints
from face_forgery.modeling.familiarity import UNFAMILIAR

VIDEO_COLUMNS = (
    *("video", "y_pred", "verdict", "status", "detail", "seconds", "frames_sampled"),
    *("frames_judged", "persons", "person", "start_s", "end_s", "mean_score"),
)
FRAME_COLUMNS = (
    *("video", "seconds", "person", "left", "top", "width", "height"),
    *("confidence", "y_pred", "verdict"),
)


class Scene(NamedTuple):
    """A frame to look at."""

    seconds: float
    score: float  # of its most suspicious face, in [0, 1]
    person: int  # whose face that is
    thumbnail: NDArray[np.uint8]  # (h, w, 3)
    box: tuple[float, float, float, float] | None  # left, top, width, height in its pixels


class JudgedVideo(NamedTuple):
    """One of your videos, judged, or the reason why not.

    ``status`` is ok, missing, unreadable, no_video, no_frames, too_few_frames, or what most of its
    frames have: no_face, too_small, too_blurry, too_large, or unfamiliar, which has scores and no
    verdict. ``detail`` says why, and of an ok one what was damaged.
    """

    number: int  # of the video among those judged, from 1
    total: int  # videos that are judged
    name: str  # as you would recognize it
    status: str
    detail: str
    duration: float = float("nan")  # seconds; NaN if it could not be opened
    sampled: NDArray[np.float64] = np.empty(0)  # seconds, ascending: the frames that were looked at
    frames: tuple[FrameScore, ...] = ()  # by time
    windows: tuple[Windows, ...] = ()  # of each person that has any
    summary: Summary | None = None  # None unless ok or unfamiliar
    scenes: tuple[Scene, ...] = ()  # the most suspicious frames, by time

    @property
    def num_judged(self) -> int:
        """Frames with a score."""
        return len({frame.seconds for frame in self.frames})

    @property
    def num_persons(self) -> int:
        """Persons with a score."""
        return len({frame.person for frame in self.frames})


class TablePart(NamedTuple):
    """Rows of a table that comes part by part."""

    number: int  # from 1
    total: int
    rows: pd.DataFrame


def video_row(video: JudgedVideo) -> TablePart:
    """Return the row of a video: ``VIDEO_COLUMNS``."""
    scores = pd.Series([frame.score for frame in video.frames], dtype=float)
    by_frame = scores.groupby([frame.seconds for frame in video.frames]).max()
    row: dict[str, object] = {
        "video": video.name,
        "status": video.status,
        "detail": video.detail,
        "seconds": None if np.isnan(video.duration) else round(video.duration, 3),
        "frames_sampled": len(video.sampled),
        "frames_judged": video.num_judged,
        "persons": video.num_persons,
        "mean_score": float(by_frame.mean()) if len(by_frame) else None,
    }
    if (found := video.summary) is not None:
        verdict = None if video.status == UNFAMILIAR else found.verdict
        row |= {"y_pred": found.score, "verdict": verdict, "person": found.person}
        row |= {"start_s": round(found.start, 3), "end_s": round(found.end, 3)}
    rows = pd.DataFrame([row]).reindex(columns=list(VIDEO_COLUMNS))
    return TablePart(video.number, video.total, rows.astype({"person": "Int64"}))


def frame_rows(video: JudgedVideo, points: OperatingPoints) -> TablePart:
    """Return a row for each judged face or frame of a video: ``FRAME_COLUMNS``."""
    verdicts = decide(np.array([frame.score for frame in video.frames]), points)
    rows = []
    for frame, verdict in zip(video.frames, verdicts, strict=True):
        box: tuple[float | None, ...] = (None,) * 5  # where the frame is taken whole
        if (face := frame.face) is not None:
            box = (*(round(side, 1) for side in face[:4]), round(face.confidence, 4))
        at = (video.name, round(frame.seconds, 3), frame.person)
        rows.append((*at, *box, frame.score, verdict))
    return TablePart(video.number, video.total, pd.DataFrame(rows, columns=list(FRAME_COLUMNS)))
