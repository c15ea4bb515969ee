"""A judged video as one page that opens offline."""

import io
from base64 import b64encode
from typing import Any

import cv2
import jinja2
import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from face_forgery.data.videos.frames import frames_per_window
from face_forgery.inference.explanation.explanation_page import Page
from face_forgery.inference.verdicts import decide
from face_forgery.inference.videos.chart import (
    VERDICT_COLORS,
    draw_scores_over_time,
    format_time,
    scene_letter,
)
from face_forgery.inference.videos.judgement import JudgedVideo
from face_forgery.inference.videos.scenes import Scene
from face_forgery.modeling.detector import OperatingPoints
from face_forgery.params import VideoParams


def write_page(video: JudgedVideo, points: OperatingPoints, params: VideoParams) -> Page:
    """Write the page of one video, judged or not.

    Args:
        video: What ``judge_videos`` yields.
        points: Of the detector.
        params: What it was judged with.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("face_forgery.inference.videos", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["time"] = lambda seconds: format_time(seconds, longest=video.duration)
    content: dict[str, Any] = {"video": video, "points": points, "params": params, "chart": None}
    if video.frames:
        content |= _describe(video, points, params)
    html = environment.get_template("page.html.jinja").render(content)
    return Page(video.number, video.total, f"{video.number:04d}", html)


def _describe(video: JudgedVideo, points: OperatingPoints, params: VideoParams) -> dict[str, Any]:
    stored = io.BytesIO()
    figure = draw_scores_over_time(video, points)
    figure.savefig(stored, format="png")
    per_window = frames_per_window(params.frames_per_second, params.window_seconds)
    steps = np.diff(video.sampled)
    is_sparse = video.duration * params.frames_per_second > params.max_frames
    return {
        "chart": f"data:image/png;base64,{b64encode(stored.getvalue()).decode()}",
        "scenes": [_show(index, scene, points) for index, scene in enumerate(video.scenes)],
        "rate": 1 / float(np.median(steps)) if len(steps) else params.frames_per_second,
        "num_stretches": max(1, params.max_frames // per_window) if is_sparse else None,
    }


def _show(index: int, scene: Scene, points: OperatingPoints) -> dict[str, Any]:
    verdict = str(decide(np.array([scene.score]), points)[0])
    picture = scene.picture.copy()
    if scene.box is not None:
        left, top, width, height = (round(value) for value in scene.box)
        color = tuple(round(255 * value) for value in to_rgb(VERDICT_COLORS[verdict]))
        corners = ((left, top), (left + width, top + height))
        cv2.rectangle(picture, *corners, (255, 255, 255), 4)
        cv2.rectangle(picture, *corners, color, 2)
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=86)
    return {
        "letter": scene_letter(index),
        "scene": scene,
        "verdict": verdict,
        "uri": f"data:image/jpeg;base64,{b64encode(stored.getvalue()).decode()}",
    }
