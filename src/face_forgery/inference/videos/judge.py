"""Videos to verdicts, one after the other; memory does not grow with their length."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.images.faces import Face
from face_forgery.data.videos.frames import Frame, open_video, plan_times
from face_forgery.data.videos.tracks import Tracker
from face_forgery.inference.reading import ImageReader, Reading, stack_readings
from face_forgery.inference.scoring import score_batch
from face_forgery.inference.verdicts import operating_points_of, to_scores
from face_forgery.inference.videos.judgement import JudgedVideo, Scene
from face_forgery.inference.videos.windows import FrameScore, sum_up_persons
from face_forgery.modeling.detector import Detector, OperatingPoints
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.modeling.familiarity import UNFAMILIAR
from face_forgery.params import EngineName, VideoParams
from face_forgery.params.inference import MIN_WINDOW_FRAMES
from face_forgery.progress import track

_SIDE = 400  # pixels of the longer side of a scene
_SHOWN = 6  # scenes of a video
_PARTS = 96  # of a video; each keeps one frame
_APART = 1 / 24  # of a video, between two scenes


def judge_videos(
    detector: Detector,
    videos: pd.DataFrame,
    params: VideoParams,
    *,
    min_size: int,
    batch_size: int,
    engine: EngineName = "auto",
    network: nn.Module | None = None,
) -> Iterator[JudgedVideo]:
    """Judge ``videos``, listed as images are, one after the other; a bad one stops nothing.

    ``network``: give it when calling again and again.

    Raises:
        DetectorError: If the detector has no operating points, or gives no number for a frame.
    """
    points = operating_points_of(detector)
    score = partial(
        _score_frames,
        network=network or build_scorer(detector, engine),
        reader=ImageReader.of(detector, min_size=min_size),
        batch_size=batch_size,
    )
    rows = zip(videos["img_name"], videos["path"], videos["problem"], strict=True)
    shown = track(rows, description="judging videos", total=len(videos), unit="videos")
    for number, (name, path, problem) in enumerate(shown, start=1):
        judged = JudgedVideo(number, len(videos), str(name), "unreadable", str(problem))
        if not isinstance(problem, str):
            judged = _judge_one(judged, Path(path), score, points, params)
        yield judged


class _Item(NamedTuple):
    """A frame that was read, and what is left of its pixels to look at."""

    seconds: float
    reading: Reading
    thumbnail: NDArray[np.uint8]  # (h, w, 3); empty where it has no score
    scale: float


_ScoredItem = tuple[_Item, tuple[tuple[Face, float], ...], float, bool]


def _judge_one(
    unread: JudgedVideo,
    path: Path,
    score: Callable[[Iterable[Frame]], Iterator[_ScoredItem]],
    points: OperatingPoints,
    params: VideoParams,
) -> JudgedVideo:
    """Return ``unread`` with what is found in the file at ``path``."""
    try:
        with open_video(path) as video:
            times = plan_times(video.duration, params)
            shown = track(
                video.frames(times), description=unread.name, total=len(times), unit="frames"
            )
            tracker, scenes = Tracker(max_gap=params.window_seconds), Scenes(video.duration)
            sampled: list[float] = []
            frames: list[FrameScore] = []
            unscored: list[Reading] = []
            num_unfamiliar = 0
            for item, faces, item_score, is_unfamiliar in score(shown):
                sampled.append(item.seconds)
                if item.reading.status != "ok":
                    unscored.append(item.reading)
                    continue
                num_unfamiliar += is_unfamiliar
                found = _name_persons(tracker, item.seconds, faces, item_score)
                frames += found
                scenes.offer(item, max(found, key=lambda frame: frame.score))
    except ImageError as error:
        return unread._replace(status=error.status, detail=error.detail)
    windows, summary = sum_up_persons(frames, points, window_seconds=params.window_seconds)
    reasons: list[str] = []
    status, stretch = "ok", (0.0, video.duration)
    if summary is None:
        status, *reasons = _why_not(len(sampled), frames, unscored, params)
    else:
        stretch = (summary.start, summary.end)
        num_scored = len(sampled) - len(unscored)
        if num_unfamiliar > num_scored / 2:
            status, summary = UNFAMILIAR, summary._replace(verdict=UNFAMILIAR)
            reasons = [f"{num_unfamiliar} of {num_scored} frames are unlike the training images"]
    return unread._replace(
        status=status,
        detail="; ".join([*reasons, *video.faults]),
        duration=video.duration,
        sampled=np.array(sampled),
        frames=tuple(frames),
        windows=windows,
        summary=summary,
        scenes=scenes.choose(*stretch),
    )


def _name_persons(
    tracker: Tracker, seconds: float, faces: tuple[tuple[Face, float], ...], score: float
) -> list[FrameScore]:
    """Return a score for each person in a frame; ``faces`` is a row of ``Scored.faces``."""
    if not faces:
        return [FrameScore(seconds, 1, None, float(score))]
    persons = tracker.follow([face for face, _ in faces], seconds)
    return [
        FrameScore(seconds, person, face, float(to_scores(np.asarray(margin))))
        for person, (face, margin) in zip(persons, faces, strict=True)
    ]


def _score_frames(
    frames: Iterable[Frame], *, network: nn.Module, reader: ImageReader, batch_size: int
) -> Iterator[_ScoredItem]:
    """Yield frames with their faces and scores; a batch holds ``batch_size`` images or frames."""

    def score(batch: list[_Item]) -> Iterator[_ScoredItem]:
        scored = score_batch(network, stack_readings([item.reading for item in batch]))
        yield from zip(batch, scored.faces, scored.scores, scored.is_unfamiliar, strict=True)

    batch: list[_Item] = []
    for frame in frames:
        batch.append(_read(frame, reader))
        if max(len(batch), sum(len(item.reading.images) for item in batch)) >= batch_size:
            yield from score(batch)
            batch = []
    if batch:
        yield from score(batch)


def _read(frame: Frame, reader: ImageReader) -> _Item:
    decoded: list[NDArray[np.uint8]] = []

    def decode(*, side: int | None) -> NDArray[np.uint8]:
        if not decoded:  # a frame has one scale
            decoded.append(frame.decode())
        return decoded[0]

    reading = reader.read(decode)
    if reading.status != "ok":
        return _Item(frame.seconds, reading, np.empty((0, 0, 3), np.uint8), 1.0)
    height, width = decoded[0].shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    thumbnail = cv2.resize(decoded[0], size, interpolation=cv2.INTER_AREA)
    return _Item(frame.seconds, reading, np.asarray(thumbnail, np.uint8), scale)


class Scenes:
    """Keeps the most suspicious frame of each part of a video of ``duration`` seconds."""

    def __init__(self, duration: float) -> None:
        self._duration = duration
        self._part_seconds = max(duration / _PARTS, 1e-3)
        self._best: dict[int, Scene] = {}

    def offer(self, item: _Item, worst: FrameScore) -> None:
        """Keep a frame, with its worst face, if its part of the video has none so suspicious."""
        part = int(item.seconds / self._part_seconds)
        if part in self._best and worst.score <= self._best[part].score:
            return
        box = None
        if worst.face is not None:
            left, top, width, height = (item.scale * side for side in worst.face[:4])
            box = (left, top, width, height)
        self._best[part] = Scene(item.seconds, worst.score, worst.person, item.thumbnail, box)

    def choose(self, start: float, end: float) -> tuple[Scene, ...]:
        """Return up to six of the most suspicious ones, by time.

        The most suspicious one from ``start`` to ``end``, in seconds, is among them.
        """
        by_score = sorted(
            self._best.values(),
            key=lambda scene: (not start <= scene.seconds <= end, -scene.score, scene.seconds),
        )
        chosen = by_score[:1]
        for scene in sorted(by_score[1:], key=lambda scene: (-scene.score, scene.seconds)):
            near = min(abs(scene.seconds - other.seconds) for other in chosen)
            if len(chosen) < _SHOWN and near >= _APART * self._duration:
                chosen.append(scene)
        return tuple(sorted(chosen, key=lambda scene: scene.seconds))


def _why_not(
    num_sampled: int, frames: list[FrameScore], unscored: list[Reading], params: VideoParams
) -> tuple[str, str]:
    """Return the status of a video without a summary, and the reason."""
    if not num_sampled:
        return "no_frames", "none of its frames could be decoded"
    if not frames:
        status, count = Counter(reading.status for reading in unscored).most_common(1)[0]
        example = next(reading.detail for reading in unscored if reading.status == status)
        return status, f"{count} of {num_sampled} frames: {example}"
    longest = max(Counter(frame.person for frame in frames).values())
    return "too_few_frames", (
        f"{num_sampled} frames, and at most {longest} of one person; a verdict needs "
        f"{MIN_WINDOW_FRAMES} within {params.window_seconds:g} s (video.frames_per_second)"
    )
