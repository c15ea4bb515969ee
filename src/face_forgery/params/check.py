"""All sections together, and what is said about faults in them."""

from difflib import get_close_matches
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator

from face_forgery.params.base import Params
from face_forgery.params.data import DataParams, FacesParams, IngestionParams, SplittingParams
from face_forgery.params.evaluation import (
    AuditParams,
    ComparisonParams,
    EnsembleParams,
    EvaluationParams,
    RobustnessParams,
    ScoringParams,
    TestingParams,
)
from face_forgery.params.forgery import DemoDataParams, ForgingParams
from face_forgery.params.inference import (
    ExplanationParams,
    InferenceParams,
    SubmissionParams,
    VideoParams,
)
from face_forgery.params.model import (
    AdoptParams,
    AugmentationParams,
    ModelParams,
    PreprocessingParams,
)
from face_forgery.params.renamed import advice_for
from face_forgery.params.running import ClusterParams, TrackingParams
from face_forgery.params.sampling import SamplingParams
from face_forgery.params.training import TrainingParams


class ParameterError(ValueError):
    """The parameters cannot be used; the message lists every fault and the nearest names."""


class Parameters(Params):
    """The whole of the parameters, as `kedro run` sees them."""

    data: DataParams
    ingestion: IngestionParams
    faces: FacesParams
    sampling: SamplingParams
    splitting: SplittingParams
    model: ModelParams
    preprocessing: PreprocessingParams
    augmentation: AugmentationParams
    training: TrainingParams
    ensemble: EnsembleParams
    adopt: AdoptParams
    scoring: ScoringParams
    evaluation: EvaluationParams
    testing: TestingParams
    audit: AuditParams
    robustness: RobustnessParams
    comparison: ComparisonParams
    submission: SubmissionParams
    inference: InferenceParams
    cluster: ClusterParams
    explanation: ExplanationParams
    video: VideoParams
    demo_data: DemoDataParams
    forging: ForgingParams
    tracking: TrackingParams

    @model_validator(mode="after")
    def _folds_are_made_of_the_training_set(self) -> Self:
        if self.splitting.num_folds is not None and self.data.val_labels is not None:
            raise ValueError(
                f"splitting.num_folds={self.splitting.num_folds} has no effect while "
                f"data.val_labels={self.data.val_labels} sets validation apart; set one of them to "
                "null"
            )
        return self

    @model_validator(mode="after")
    def _there_are_groups_to_select_by(self) -> Self:
        if self.training.select_by.startswith("holdout") and not self.splitting.holdout.hold_out:
            raise ValueError(
                f"training.select_by={self.training.select_by} needs hold-out groups that training "
                "does not see; set splitting.holdout.by and splitting.holdout.hold_out, or "
                "training.select_by=overall"
            )
        return self

    @model_validator(mode="after")
    def _features_that_are_kept_do_not_change(self) -> Self:
        training, model = self.training, self.model
        if not training.feature_views:
            return self
        if model.fine_tuning != "linear" or model.input != "rgb":
            raise ValueError(
                f"training.feature_views={training.feature_views} keeps the features of a frozen "
                f"backbone, and model.fine_tuning={model.fine_tuning}, model.input={model.input} "
                "train some of it; set model.fine_tuning=linear and model.input=rgb, or "
                "training.feature_views=0"
            )
        if training.mixup_alpha or training.cutmix_alpha or training.engine != "local":
            raise ValueError(
                f"training.feature_views={training.feature_views} goes with neither MixUp, CutMix "
                "nor training.engine=ray; set training.mixup_alpha=0, training.cutmix_alpha=0 and "
                "training.engine=local, or training.feature_views=0"
            )
        return self

    @model_validator(mode="after")
    def _compared_features_can_change(self) -> Self:
        term = self.training.loss.of_features
        if term and self.model.fine_tuning == "linear" and self.model.input == "rgb":
            raise ValueError(
                f"training.{term} has no effect while model.fine_tuning=linear leaves the features "
                f"as they are; set another model.fine_tuning or training.{term}=0"
            )
        return self


def check_parameters(values: dict[str, Any]) -> Parameters:
    """Return the parameters typed, or say everything that is wrong with them at once.

    Raises:
        ParameterError: One line a fault: the dotted name, the rule, and for an unknown name the
            nearest known ones.
    """
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        faults = [_describe_fault(fault, values) for fault in error.errors()]
        raise ParameterError(
            f"{len(faults)} fault(s) in the parameters:\n"
            + "\n".join(f"  {fault}" for fault in faults)
        ) from error


def _describe_fault(fault: Any, values: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["input"] == "" or (fault["type"] == "string_type" and fault["input"] is None):
        return f"{name}: it is empty, and a name is needed; was a variable used that is not set?"
    if fault["type"] == "string_type" and isinstance(fault["input"], int | float):
        return (
            f"{name}: a name is needed, and {fault['input']} is read as a number; write a path as "
            f"./{fault['input']}, another name with a letter or in quotes in a file"
        )
    if fault["type"] != "extra_forbidden":
        message = fault["msg"].removeprefix("Value error, ")
        given = "" if isinstance(fault["input"], dict) else f" (got {fault['input']!r})"
        return f"{name}: {message}{given}"
    if advice := advice_for(name):
        return f"{name}: {advice}"
    known = known_names(Parameters)
    if name in known:
        nested = f"{name.replace('.', ': {')}: ...{'}' * name.count('.')}"
        return f"{name}: a name with a dot in it is not taken here; nest it: {nested}"
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"{name}: unknown parameter" + (f"; did you mean {', '.join(near)}?" if near else "")


def known_names(section: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted names of all parameters, sections included."""
    names = []
    for field, info in section.model_fields.items():
        names.append(prefix + field)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names += known_names(info.annotation, f"{prefix}{field}.")
    return names
