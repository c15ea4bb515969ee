"""Sections ``submission``, ``inference``, ``explanation``, ``video``: what a detector is for."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import Location, Params, Probability

DETECTOR_FOLDER = "data/06_models/detector"  # where a run leaves its detector
MIN_SIZE = 48  # pixels; inference.min_size where no parameters are read
MIN_WINDOW_FRAMES = 3  # judged frames that a window of a video needs to count


class SubmissionParams(Params):
    """How a submission is written."""

    unreadable_score: Probability | None


class InferenceParams(Params):
    """Which images are judged."""

    images: Location
    output: str = Field(pattern=r"(?i)\.(csv|parquet|jsonl)$")
    min_size: int = Field(ge=1)
    engine: Literal["local", "ray"]
    explain: bool


class ExplanationParams(Params):
    """How many of the images of ``inference.images`` are explained."""

    max_images: int = Field(ge=1)


class VideoParams(Params):
    """Which videos are judged, and how they are sampled."""

    videos: Location
    frames_per_second: float = Field(gt=0.0, le=120.0, allow_inf_nan=False)
    max_frames: int = Field(ge=1)
    window_seconds: float = Field(gt=0.0, le=3600.0, allow_inf_nan=False)

    @property
    def frames_per_window(self) -> int:
        """Frames of a window from its first to its last moment."""
        return math.floor(self.window_seconds * self.frames_per_second + 1e-9) + 1

    @model_validator(mode="after")
    def _a_window_has_its_frames(self) -> Self:
        if not MIN_WINDOW_FRAMES <= self.frames_per_window <= self.max_frames:
            raise ValueError(
                f"frames_per_second={self.frames_per_second:g} puts {self.frames_per_window} "
                f"frame(s) into window_seconds={self.window_seconds:g}; there must be at least "
                f"{MIN_WINDOW_FRAMES} and at most max_frames={self.max_frames}"
            )
        return self
