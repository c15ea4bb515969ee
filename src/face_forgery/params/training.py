"""Section ``training``: what changes the trained weights."""

from typing import Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import NumWorkers, Params, Probability, Rate, Seed

SelectBy = Literal["overall", "video", "holdout_mean", "holdout_worst"]


class OptimizerParams(Params):
    """The optimizer, by its usual name."""

    name: Literal["adamw", "adam", "sgd"]
    learning_rate: Rate
    weight_decay: float = Field(ge=0.0, allow_inf_nan=False)
    layer_decay: float | None = Field(gt=0.0, le=1.0)


class ScheduleParams(Params):
    """How the learning rate moves after warm-up."""

    name: Literal["cosine", "step", "constant"]
    step_epochs: int | None = Field(ge=1)
    gamma: float | None = Field(gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _step_has_its_numbers(self) -> Self:
        given = (self.step_epochs is not None, self.gamma is not None)
        if self.name == "step" and not all(given):
            raise ValueError("schedule.name=step needs step_epochs and gamma")
        if self.name != "step" and any(given):
            raise ValueError(f"step_epochs and gamma have no effect with name={self.name}")
        return self


class LossParams(Params):
    """What is minimized: a loss of the classes, and terms that can be added."""

    name: str  # one of training.losses.LOSSES; checked before any node runs
    alignment: float = Field(ge=0.0, allow_inf_nan=False)
    uniformity: float = Field(ge=0.0, allow_inf_nan=False)

    @property
    def of_features(self) -> str | None:
        """Name the first term that compares the features of a batch."""
        names = ("alignment", "uniformity")
        return next((f"loss.{name}" for name in names if getattr(self, name)), None)


class TrainingParams(Params):
    """Everything else that changes the trained weights."""

    seed: Seed
    epochs: int = Field(ge=1)
    warmup_epochs: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    accumulate: int = Field(ge=1)
    sampling: Literal["shuffled", "balanced", "paired"]
    source_balance: Probability
    feature_views: int = Field(ge=0)
    num_workers: NumWorkers
    precision: Literal["float32", "bfloat16", "auto"]
    compile: bool | Literal["auto"]
    mixup_alpha: float = Field(ge=0.0, allow_inf_nan=False)
    cutmix_alpha: float = Field(ge=0.0, allow_inf_nan=False)
    label_smoothing: float = Field(ge=0.0, lt=1.0)
    loss: LossParams
    grad_clip_norm: Rate | None
    ema_decay: float | None = Field(gt=0.0, lt=1.0)
    optimizer: OptimizerParams
    schedule: ScheduleParams
    select_by: SelectBy
    patience: int | None = Field(ge=1)
    checkpoint_steps: int | None = Field(ge=1)
    resume: bool
    engine: Literal["local", "ray"]

    @model_validator(mode="after")
    def _warmup_ends_before_training_does(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} leaves no epoch at full rate "
                f"(epochs={self.epochs}); lower warmup_epochs or raise epochs"
            )
        return self

    @model_validator(mode="after")
    def _pairs_fit_into_batches(self) -> Self:
        if self.sampling == "paired" and self.batch_size % 2:
            raise ValueError(
                f"sampling=paired needs an even batch_size, and it is {self.batch_size}"
            )
        return self

    @model_validator(mode="after")
    def _terms_of_features_have_what_they_compare(self) -> Self:
        term = self.loss.of_features
        if term is None:
            return self
        if self.batch_size == 1:
            raise ValueError(
                f"{term} compares the images of a batch, and batch_size=1; raise batch_size or "
                f"set {term}=0"
            )
        if self.mixup_alpha or self.cutmix_alpha:
            raise ValueError(
                f"{term} needs one class for each image, and mixed images have two; set "
                f"mixup_alpha=0 and cutmix_alpha=0, or {term}=0"
            )
        if self.compile is True:
            raise ValueError(
                f"compile=true does not go with {term}, which looks into the network; set "
                "compile=auto or compile=false"
            )
        return self
