"""Sections on scoring and judging: ``scoring``, ``evaluation``, ``testing``, ``audit``, ..."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import Fraction, NumWorkers, Params, Seed
from face_forgery.params.data import LabelSets

EngineName = Literal["auto", "torch", "openvino"]
Precision = Literal["float32", "bfloat16", "int8"]
TTAName = Literal["none", "flip", "crop", "flip_crop"]
PromiseName = Literal["overall", "every_source"]


class EnsembleParams(Params):
    """Which detectors become one."""

    members: tuple[str, ...]
    other_data: Literal["refuse", "allow"]


class ScoringParams(Params):
    """How images are scored; in float32 the first three change a score by 1e-5 at most."""

    batch_size: int = Field(ge=1)
    num_workers: NumWorkers
    engine: EngineName
    max_auc_loss: ClassVar = 0.01  # that a reduced precision may cost

    precision: Precision
    tta: TTAName

    @model_validator(mode="after")
    def _something_computes_it(self) -> Self:
        if self.engine == "torch" and self.precision == "int8":
            raise ValueError("engine=torch cannot compute precision=int8; set engine=auto")
        return self


class EvaluationParams(Params):
    """How scores are judged."""

    confidence: ClassVar = 0.95  # of every interval

    seed: Seed
    num_resamples: int = Field(ge=100, le=100_000)
    target_fpr: Fraction
    target_fnr: Fraction
    promise: PromiseName
    prevalence: Fraction
    unfamiliar: Fraction | None


class TestingParams(Params):
    """Which labelled sets a frozen detector is tested on; their paths start from the project."""

    reserved: ClassVar = "test"  # a labelled data.test_labels

    sets: LabelSets

    @model_validator(mode="after")
    def _no_set_has_the_reserved_name(self) -> Self:
        if self.reserved in (one.name for one in self.sets):
            raise ValueError(
                f"a set is called {self.reserved}, as a labelled data.test_labels is; rename it"
            )
        return self


class AuditParams(Params):
    """How a set is searched for shortcuts and leaks."""

    limit: ClassVar = 0.65  # AUC without looking at the face that is warned about

    max_images: int = Field(ge=50)
    num_folds: int = Field(ge=2)


class RobustnessParams(Params):
    """What validation images go through to see what survives."""

    num_images: int = Field(ge=2)
    families: tuple[
        Literal["deeper_forensics", "compression", "scaling", "blur_and_noise", "chains"], ...
    ] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_family_twice(self) -> Self:
        if len(set(self.families)) < len(self.families):
            raise ValueError(f"families={list(self.families)} names one twice")
        return self


class ComparisonParams(Params):
    """Whose scores are compared."""

    scores: dict[str, str]
