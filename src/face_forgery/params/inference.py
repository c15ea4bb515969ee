"""Sections ``submission``, ``inference``, ``explanation``, ``video``: what a detector is for."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import Location, Params, Probability

MIN_WINDOW_FRAMES = 3  # judged frames that a window of a video needs to count


class SubmissionParams(Params):
    """How a submission is written."""

    unreadable_score: Probability | None = Field(
        description="Score of an image that cannot be read; null: such an image is an error."
    )


class InferenceParams(Params):
    """Which images are judged."""

    images: Location = Field(
        description="A folder, a CSV with a column img_name, a glob or one file; or the URL of one."
    )
    output: str = Field(
        pattern=r"(?i)\.(csv|parquet|jsonl)$",
        description="The file of verdicts, or its URL; its ending says the format: .csv, .parquet "
        "or .jsonl.",
    )
    min_size: int = Field(ge=1, description="Pixels; a shorter side is too small to judge.")
    engine: Literal["local", "ray"] = Field(
        description="Where images are judged: on this machine, or by a Ray cluster (`cluster`). "
        "Does not change a score."
    )
    explain: bool = Field(description="Also explain the images with the highest scores.")


class ExplanationParams(Params):
    """How many of the images of ``inference.images`` are explained."""

    max_images: int = Field(
        ge=1,
        description="The first so many, or those with the highest scores where inference explains; "
        "a page and a second or two each.",
    )


class VideoParams(Params):
    """Which videos are judged, and how they are sampled."""

    videos: Location = Field(
        description="A folder, a CSV with a column img_name, a glob or one file."
    )
    frames_per_second: float = Field(
        gt=0.0, le=120.0, allow_inf_nan=False, description="How many frames are looked at."
    )
    max_frames: int = Field(
        ge=1, description="Of a video; a longer one is looked at in windows spread evenly."
    )
    window_seconds: float = Field(
        gt=0.0,
        le=3600.0,
        allow_inf_nan=False,
        description="A video is judged by the most suspicious so many seconds of a person.",
    )

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
