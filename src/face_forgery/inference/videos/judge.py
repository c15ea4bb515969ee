"""Videos to verdicts, one after the other; memory does not grow with their length."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from face_forgery.data.images.decoding import ImageError
from face_forgery.data.videos.frames import Frame, Video, open_video, plan_times
from face_forgery.data.videos.tracks import Tracker
from face_forgery.inference.reading import PictureReader, Reading, stack_readings
from face_forgery.inference.scoring import score_batch
from face_forgery.inference.verdicts import decide, operating_points_of
from face_forgery.inference.videos.judgement import FrameScore, JudgedVideo, Summary, Windows
from face_forgery.inference.videos.scenes import Scene, Scenes, scale_box, shrink
from face_forgery.inference.videos.track_summary import cut_windows, find_stretch, rate_windows
from face_forgery.modeling.detector import Detector, OperatingPoints
from face_forgery.modeling.forward_path import pick_device
from face_forgery.params import VideoParams
from face_forgery.progress import track


def judge_videos(
    detector: Detector,
    videos: pd.DataFrame,
    params: VideoParams,
    *,
    min_size: int,
    batch_size: int,
) -> Iterator[JudgedVideo]:
    """Judge videos one after the other; a bad one stops nothing.

    Args:
        detector: Must have operating points.
        videos: ``data.images.listing.LISTING_COLUMNS``.
        params: How a video is sampled and summed up.
        min_size: Pixels; a frame with a shorter side is ``too_small``.
        batch_size: Images in one forward pass, give or take those of a frame.

    Raises:
        DetectorError: If the detector has no operating points, or gives no number for a frame.
    """
    judge = _Judge.of(detector, params, min_size=min_size, batch_size=batch_size)
    rows = zip(videos["img_name"], videos["path"], videos["problem"], strict=True)
    shown = track(rows, description="judging videos", total=len(videos), unit="videos")
    for number, (name, path, problem) in enumerate(shown, start=1):
        place = (number, len(videos), str(name))
        if isinstance(problem, str):
            yield JudgedVideo(*place, "unreadable", problem)
            continue
        try:
            with open_video(Path(path)) as video:
                judged = judge.judge(video, place)
        except ImageError as error:
            judged = JudgedVideo(*place, error.status, str(error))
        yield judged


class _Item(NamedTuple):
    """A frame that was read, and what is left of its pixels to look at."""

    seconds: float
    reading: Reading
    picture: NDArray[np.uint8]  # (h, w, 3); empty where it has no score
    scale: float


@dataclass(eq=False)
class _Seen:
    """What is known of a video so far."""

    tracker: Tracker
    scenes: Scenes
    sampled: list[float] = field(default_factory=list)
    frames: list[FrameScore] = field(default_factory=list)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, item: _Item, faces: tuple[tuple[Any, float], ...], score: float) -> None:
        """Take note of the next frame; ``faces`` is a row of ``Scored.faces``."""
        self.sampled.append(item.seconds)
        if item.reading.status != "ok":
            self.reasons[item.reading.status, item.reading.detail] += 1
            return
        found = [FrameScore(item.seconds, 1, None, float(score))]
        if faces:
            persons = self.tracker.follow([face for face, _ in faces], item.seconds)
            found = [
                FrameScore(item.seconds, person, face, float(expit(margin)))
                for person, (face, margin) in zip(persons, faces, strict=True)
            ]
        self.frames += found
        worst = max(found, key=lambda frame: frame.score)
        box = scale_box(worst.face, item.scale)
        self.scenes.offer(Scene(item.seconds, worst.score, worst.person, item.picture, box))


@dataclass(frozen=True, eq=False)
class _Judge:
    """What is the same for all videos."""

    network: nn.Module
    reader: PictureReader
    points: OperatingPoints
    params: VideoParams
    batch_size: int

    @classmethod
    def of(
        cls, detector: Detector, params: VideoParams, *, min_size: int, batch_size: int
    ) -> "_Judge":
        """Prepare ``detector``."""
        points = operating_points_of(detector)
        network = detector.build_network().to(pick_device())
        reader = PictureReader.of(detector, min_size=min_size)
        return cls(network, reader, points, params, batch_size)

    def judge(self, video: Video, place: tuple[int, int, str]) -> JudgedVideo:
        """Judge one video; ``place`` is its number, how many there are, and its name."""
        params = self.params
        times = plan_times(
            video.duration,
            frames_per_second=params.frames_per_second,
            max_frames=params.max_frames,
            window_seconds=params.window_seconds,
        )
        seen = _Seen(Tracker(max_gap=params.window_seconds), Scenes(video.duration))
        frames = video.frames(times)
        shown = track(frames, description=place[2], total=len(times), unit="frames")
        for batch in self._batches(shown):
            scored = score_batch(self.network, stack_readings([item.reading for item in batch]))
            for item, faces, score in zip(batch, scored.faces, scored.scores, strict=True):
                seen.add(item, faces, score)
        return self._sum_up(video, place, seen)

    def _batches(self, frames: Iterable[Frame]) -> Iterator[list[_Item]]:
        """Read frames; a batch is full when it holds ``batch_size`` images or frames."""
        batch: list[_Item] = []
        num_images = 0
        for frame in frames:
            batch.append(self._read(frame))
            num_images += len(batch[-1].reading.images)
            if max(num_images, len(batch)) >= self.batch_size:
                yield batch
                batch, num_images = [], 0
        if batch:
            yield batch

    def _read(self, frame: Frame) -> _Item:
        pixels = np.empty((0, 0, 3), dtype=np.uint8)

        def remember(*, side: int | None) -> NDArray[np.uint8]:
            nonlocal pixels
            if not pixels.size:  # a frame has one scale
                pixels = frame.decode()
            return pixels

        reading = self.reader.read(remember)
        if reading.status != "ok":
            return _Item(frame.seconds, reading, np.empty((0, 0, 3), np.uint8), 1.0)
        return _Item(frame.seconds, reading, *shrink(pixels))

    def _sum_up(self, video: Video, place: tuple[int, int, str], seen: _Seen) -> JudgedVideo:
        windows, summary = sum_up_persons(seen.frames, self.params, self.points)
        status, detail = "ok", "; ".join(video.faults)
        stretch = (0.0, video.duration) if summary is None else (summary.start, summary.end)
        if summary is None:
            status, reason = _why_not(seen, self.params)
            detail = "; ".join([reason, *video.faults])
        return JudgedVideo(
            *place,
            status,
            detail,
            duration=video.duration,
            sampled=np.array(seen.sampled),
            frames=tuple(seen.frames),
            windows=windows,
            summary=summary,
            scenes=seen.scenes.choose(*stretch),
        )


def sum_up_persons(
    frames: Iterable[FrameScore], params: VideoParams, points: OperatingPoints
) -> tuple[tuple[Windows, ...], Summary | None]:
    """Return the windows of each person, and what follows from the most suspicious one.

    Args:
        frames: By time.
        params: ``window_seconds`` and ``min_frames``.
        points: Where scores become verdicts.
    """
    by_person: dict[int, list[FrameScore]] = {}
    for frame in frames:
        by_person.setdefault(frame.person, []).append(frame)
    levels = (points.real_threshold, points.fake_threshold)
    windows, best = [], None
    for person, own in sorted(by_person.items()):
        seconds = np.array([frame.seconds for frame in own])
        scores = np.array([frame.score for frame in own])
        spans = cut_windows(
            seconds, window_seconds=params.window_seconds, min_frames=params.min_frames
        )
        stretch = find_stretch(seconds, scores, spans, levels=levels)
        if stretch is None:
            continue
        edges = (seconds[spans.starts], seconds[spans.ends - 1])
        windows.append(Windows(person, *edges, rate_windows(scores, spans)))
        if best is None or stretch.score > best.score:
            verdict = str(decide(np.array([stretch.score]), points)[0])
            best = Summary(stretch.score, verdict, person, stretch.start, stretch.end)
    return tuple(windows), best


def _why_not(seen: _Seen, params: VideoParams) -> tuple[str, str]:
    """Return status and detail of a video without a summary."""
    if not seen.sampled:
        return "no_frames", "none of its pictures could be decoded"
    if not seen.frames:
        by_status: Counter[str] = Counter()
        for (status, _), count in seen.reasons.items():
            by_status[status] += count
        status, count = by_status.most_common(1)[0]
        example = next(detail for (kind, detail) in seen.reasons if kind == status)
        return status, f"{count} of {len(seen.sampled)} frames: {example}"
    longest = max(Counter(frame.person for frame in seen.frames).values())
    return "too_few_frames", (
        f"{len(seen.sampled)} frames, and at most {longest} of one person; a verdict needs "
        f"{params.min_frames} within {params.window_seconds:g} s (video.min_frames, "
        "video.frames_per_second)"
    )
