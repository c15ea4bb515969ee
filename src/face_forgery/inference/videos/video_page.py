"""A judged video as one page that opens offline, with its scores over time as a figure."""

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator
from string import ascii_uppercase
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from face_forgery.evaluation.reporting.style import (
    FAKE_COLOR,
    INK,
    MUTED,
    REAL_COLOR,
    draw_legend,
    make_axes,
)
from face_forgery.inference.pages import THUMBNAIL, Page, render, to_uri, write_set
from face_forgery.inference.verdicts import decide, decide_one
from face_forgery.inference.videos.judgement import JudgedVideo, Scene
from face_forgery.inference.videos.windows import Summary, Windows
from face_forgery.modeling.detector import OperatingPoints
from face_forgery.params import VideoParams

VERDICT_COLORS = {"real": REAL_COLOR, "unsure": MUTED, "fake": FAKE_COLOR}
_STEPS = (0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MAX_TICKS = 12
_LINE_HEIGHT = 0.18  # of three lines of text, of the scores' axis


def write_video_pages(
    videos: Iterable[JudgedVideo], points: OperatingPoints, params: VideoParams, learnt_from: str
) -> Iterator[tuple[JudgedVideo, Page]]:
    """Yield each video, judged or not, with its page; the rest is as of `write_set`.

    ``params`` are those that the videos were judged with.
    """

    def write(video: JudgedVideo, **content: Any) -> tuple[str, dict[str, Any]]:
        content |= {"video": video, "params": params, "chart": None}
        if video.frames:
            content |= describe_video(video, points, params)
        filters = {"time": lambda seconds: format_time(seconds, longest=video.duration)}
        return render("video.html.jinja", filters, **content), _summarize(video)

    about: dict[str, Any] = {"title": "Videos", "unit": "video"}
    return write_set(videos, write, points=points, learnt_from=learnt_from, **about)


def _summarize(video: JudgedVideo) -> dict[str, Any]:
    """Return a line of the index: verdict, or the status where there is no score."""
    line: dict[str, Any] = {"name": video.name, "thumbnail": None, "score": None}
    if video.scenes:
        worst = max(video.scenes, key=lambda scene: scene.score)
        line["thumbnail"] = to_uri(worst.thumbnail, side=THUMBNAIL)
    if (found := video.summary) is None:
        return line | {"verdict": video.status, "says": video.detail}
    start, end = (format_time(at, longest=video.duration) for at in (found.start, found.end))
    says = f"most suspicious from {start} to {end}"
    return line | {"score": found.score, "verdict": found.verdict, "says": says}


def describe_video(
    video: JudgedVideo, points: OperatingPoints, params: VideoParams
) -> dict[str, Any]:
    """Return what a page shows of a video with scores: a chart, its scenes, how it was sampled."""
    stored = io.BytesIO()
    figure = draw_scores_over_time(video, points)
    figure.savefig(stored, format="png")
    steps = np.diff(video.sampled)
    is_sparse = video.duration * params.frames_per_second > params.max_frames
    num_stretches = max(1, params.max_frames // params.frames_per_window)
    return {
        "chart": f"data:image/png;base64,{b64encode(stored.getvalue()).decode()}",
        "scenes": [_show(index, scene, points) for index, scene in enumerate(video.scenes)],
        "rate": 1 / float(np.median(steps)) if len(steps) else params.frames_per_second,
        "num_stretches": num_stretches if is_sparse else None,
        "num_windows": sum(len(windows.scores) for windows in video.windows),
    }


def _show(index: int, scene: Scene, points: OperatingPoints) -> dict[str, Any]:
    verdict, image = decide_one(scene.score, points), scene.thumbnail.copy()
    if scene.box is not None:
        left, top, width, height = (round(value) for value in scene.box)
        color = tuple(round(255 * value) for value in to_rgb(VERDICT_COLORS[verdict]))
        corners = ((left, top), (left + width, top + height))
        cv2.rectangle(image, *corners, (255, 255, 255), 4)
        cv2.rectangle(image, *corners, color, 2)
    uri = to_uri(image, side=None)
    return {"letter": ascii_uppercase[index], "scene": scene, "verdict": verdict, "uri": uri}


def draw_scores_over_time(video: JudgedVideo, points: OperatingPoints) -> Figure:
    """Draw each judged face as a dot and each person's windows as a line, over the verdicts.

    Hatched: frames that were looked at without a face that can be judged. Letters stand above the
    scenes of the video, which has at least one score.
    """
    figure, axes = make_axes(
        9.6, 3.7, xlabel="time in the video", ylabel="score: probability of forgery"
    )
    end = max(video.duration, float(video.sampled[-1]), 1e-3)
    axes.set_xlim(-0.01 * end, 1.01 * end)
    axes.set_ylim(-0.02, 1.02)
    _shade_verdicts(axes, points)
    _hatch_gaps(axes, video)
    for windows in video.windows:
        decides = video.summary is not None and windows.person == video.summary.person
        _draw_windows(axes, windows, decides=decides)
    _draw_frames(axes, video, points)
    if video.summary is not None:
        _mark_stretch(axes, video.summary)
    _label_time(axes, end)
    for letter, scene in zip(ascii_uppercase, video.scenes, strict=False):
        axes.annotate(
            letter, (scene.seconds, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(0, 10),
            textcoords="offset points", ha="center", va="bottom", fontsize=9, fontweight="bold",
            color=INK, arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.7},
        )  # fmt: skip
    draw_legend(figure, ncols=6)
    return figure


def format_time(seconds: float, *, longest: float) -> str:
    """Return a time the way players show it: ``2.5 s``, ``1:05`` or ``1:05:00``.

    ``longest`` is the longest of the times that it stands beside.
    """
    if longest < 60:
        return f"{round(seconds, 1):g} s"
    minutes, rest = divmod(round(seconds), 60)
    if longest < 3600:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _shade_verdicts(axes: Axes, points: OperatingPoints) -> None:
    real, fake = min(points.real_threshold, 1.0), min(points.fake_threshold, 1.0)
    axes.axhspan(-0.02, real, color=REAL_COLOR, alpha=0.08, linewidth=0)
    axes.axhspan(fake, 1.02, color=FAKE_COLOR, alpha=0.10, linewidth=0)
    heights = {"real": (real, "top"), "fake": (fake, "bottom")}
    if fake - real > _LINE_HEIGHT:
        heights["unsure"] = ((real + fake) / 2, "center")
    for verdict, (height, side) in heights.items():
        axes.annotate(
            verdict, (1.0, height), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va=side, fontsize=9, fontweight="bold",
            color=VERDICT_COLORS[verdict],
        )  # fmt: skip
    for threshold, color in ((real, REAL_COLOR), (fake, FAKE_COLOR)):
        axes.axhline(threshold, color=color, linestyle="--", linewidth=1.0)


def _hatch_gaps(axes: Axes, video: JudgedVideo) -> None:
    """Hatch the runs of frames that were looked at and have no score."""
    judged = {frame.seconds for frame in video.frames}
    is_blank = np.array([seconds not in judged for seconds in video.sampled], dtype=bool)
    steps = np.diff(video.sampled)
    near = float(np.median(steps)) if len(steps) else video.duration
    edges = np.flatnonzero(np.diff(np.r_[0, is_blank.astype(int), 0]))
    for number, (first, behind) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
        axes.axvspan(
            video.sampled[first] - near / 2, video.sampled[behind - 1] + near / 2,
            facecolor="none", edgecolor="#bbbbbb", hatch="////", linewidth=0,
            label="not judged" if number == 0 else None,
        )  # fmt: skip


def _draw_windows(axes: Axes, windows: Windows, *, decides: bool) -> None:
    """Draw the line of a person, broken where windows do not overlap.

    A window that overlaps no other is drawn from its first to its last frame.
    """
    breaks = np.flatnonzero(windows.starts[1:] > windows.ends[:-1]) + 1
    color, width, order = (INK, 2.2, 3) if decides else (MUTED, 1.0, 2)
    label = f"median, person {windows.person}" if decides else None
    for part in np.split(np.arange(len(windows.scores)), breaks):
        seconds, scores = windows.middles[part], windows.scores[part]
        if len(part) == 1:
            seconds = np.array(_widen(windows.starts[part[0]], windows.ends[part[0]], axes))
            scores = scores.repeat(2)
        axes.plot(seconds, scores, color=color, linewidth=width, zorder=order, label=label)
        label = None


def _widen(start: float, end: float, axes: Axes) -> tuple[float, float]:
    """Return a span that can be seen: at least a hundredth of the width."""
    left, right = axes.get_xlim()
    missing = max(0.0, (right - left) / 100 - (end - start)) / 2
    return start - missing, end + missing


def _draw_frames(axes: Axes, video: JudgedVideo, points: OperatingPoints) -> None:
    seconds = np.array([frame.seconds for frame in video.frames])
    scores = np.array([frame.score for frame in video.frames])
    verdicts = decide(scores, points)
    size = float(np.clip(1800 / max(len(scores), 1), 6, 26))
    for verdict, color in VERDICT_COLORS.items():
        is_it = verdicts == verdict
        if is_it.any():
            axes.scatter(
                seconds[is_it], scores[is_it], s=size, color=color, alpha=0.65, linewidths=0,
                zorder=2.5, label=f'frame "{verdict}"',
            )  # fmt: skip


def _mark_stretch(axes: Axes, summary: Summary) -> None:
    color = VERDICT_COLORS.get(summary.verdict, VERDICT_COLORS["unsure"])
    span = _widen(summary.start, summary.end, axes)
    axes.axvspan(*span, color=color, alpha=0.13, linewidth=0)
    axes.plot(
        span, (1.012, 1.012), color=color, linewidth=4, zorder=4,
        solid_capstyle="butt", clip_on=False, label="most suspicious stretch",
    )  # fmt: skip


def _label_time(axes: Axes, end: float) -> None:
    step = next((step for step in _STEPS if end / step <= _MAX_TICKS), _STEPS[-1])
    while end / step > _MAX_TICKS:
        step *= 2
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: format_time(x, longest=end)))
