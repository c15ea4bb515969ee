"""Sections ``scoring``, ``evaluation``, ``audit``, ``robustness``, ``comparison``, ``ensemble``."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import Fraction, NumWorkers, Params, Seed

TTAName = Literal["none", "flip", "crop", "flip_crop"]


class EnsembleParams(Params):
    """Which detectors become one."""

    members: tuple[str, ...] = Field(
        description="Folders of evaluated detectors; a name with * stands for all it matches."
    )
    other_data: Literal["refuse", "allow"] = Field(
        description="Of members that were trained on another split than the present one: they may "
        "have seen its validation images."
    )


class ScoringParams(Params):
    """How images are scored; the first two do not change a score."""

    batch_size: int = Field(ge=1)
    num_workers: NumWorkers = Field(description="Processes; auto: one a core.")
    precision: Literal["float32", "bfloat16"] = Field(
        description="Evaluation makes it part of the detector; later uses follow the detector."
    )
    tta: TTAName = Field(
        description="Test-time augmentation: a score is the mean over the image and its mirror "
        "image, its enlarged middle, or all of these. Evaluation makes it part of the detector.",
    )


class EvaluationParams(Params):
    """How scores are judged."""

    confidence: ClassVar = 0.95  # of every interval

    seed: Seed = Field(description="Of splits, samples, resamples and probes.")
    num_resamples: int = Field(ge=100, le=100_000, description="Bootstrap resamples.")
    target_fpr: Fraction = Field(description="Proportion of real images that may be called fake.")
    target_fnr: Fraction = Field(description="Proportion of forgeries that may be called real.")


class AuditParams(Params):
    """How a set is searched for shortcuts and leaks."""

    limit: ClassVar = 0.65  # AUC without looking at the face that is warned about

    max_images: int = Field(ge=50, description="Largest sample that shortcuts are looked for in.")
    num_folds: int = Field(ge=2, description="Of the cross-validation, whole groups together.")


class RobustnessParams(Params):
    """What validation images go through to see what survives."""

    num_images: int = Field(
        ge=2, description="At most so many, in proportion by class, kind and source."
    )
    families: tuple[
        Literal["deeper_forensics", "compression", "scaling", "blur_and_noise", "chains"], ...
    ] = Field(min_length=1, description="Which families of degradations.")

    @model_validator(mode="after")
    def _no_family_twice(self) -> Self:
        if len(set(self.families)) < len(self.families):
            raise ValueError(f"families={list(self.families)} names one twice")
        return self


class ComparisonParams(Params):
    """Whose scores are compared."""

    scores: dict[str, str] = Field(
        description="Name -> a Parquet or CSV file of scores, or run:ID of an MLflow run."
    )
