"""Section ``training``: what changes the trained weights."""

from typing import Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import NumWorkers, Params, Probability, Rate, Seed

LossName = Literal["cross_entropy", "bce", "focal"]

SelectBy = Literal["overall", "holdout_mean", "holdout_worst"]


class OptimizerParams(Params):
    """The optimizer, by its usual name."""

    name: Literal["adamw", "adam", "sgd"]
    learning_rate: Rate = Field(description="Peak rate, reached after warm-up.")
    weight_decay: float = Field(ge=0.0, allow_inf_nan=False)
    layer_decay: float | None = Field(
        gt=0.0, le=1.0, description="Factor of the rate from a layer to the one below; null = off."
    )


class ScheduleParams(Params):
    """How the learning rate moves after warm-up."""

    name: Literal["cosine", "step", "constant"]
    step_epochs: int | None = Field(ge=1, description="step only: epochs between two drops.")
    gamma: float | None = Field(gt=0.0, le=1.0, description="step only: factor of each drop.")

    @model_validator(mode="after")
    def _step_has_its_numbers(self) -> Self:
        given = (self.step_epochs is not None, self.gamma is not None)
        if self.name == "step" and not all(given):
            raise ValueError("schedule.name=step needs step_epochs and gamma")
        if self.name != "step" and any(given):
            raise ValueError(f"step_epochs and gamma have no effect with name={self.name}")
        return self


class LossParams(Params):
    """What is minimized: a loss of the classes, and a term that can be added."""

    name: LossName
    contrastive: float = Field(
        ge=0.0,
        allow_inf_nan=False,
        description="Weight of the supervised-contrastive term; 0: off.",
    )


class TrainingParams(Params):
    """Everything else that changes the trained weights."""

    seed: Seed
    epochs: int = Field(ge=1)
    warmup_epochs: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    accumulate: int = Field(ge=1, description="Batches of one optimizer step.")
    sampling: Literal["shuffled", "balanced"] = Field(
        description="balanced: as many of each class in every epoch."
    )
    source_balance: Probability = Field(
        description="How evenly the sources of a class divide its part of an epoch: in proportion "
        "to their sizes to the power of 1 - source_balance; 0 = as they come, 1 = all alike."
    )
    num_workers: NumWorkers = Field(
        description="Loader processes; auto: one a core. Does not change the result."
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        description="auto: bfloat16 where the device gains from it, else float32."
    )
    compile: bool | Literal["auto"] = Field(
        description="torch.compile; auto: where the run is long enough to pay for it."
    )
    mixup_alpha: float = Field(
        ge=0.0,
        allow_inf_nan=False,
        description="Of the mixing weights' Beta distribution; 0 = off.",
    )
    cutmix_alpha: float = Field(
        ge=0.0, allow_inf_nan=False, description="The same for rectangles; with both, one is drawn."
    )
    label_smoothing: float = Field(
        ge=0.0, lt=1.0, description="Proportion spread over both classes."
    )
    loss: LossParams
    grad_clip_norm: Rate | None = Field(description="null = off.")
    ema_decay: float | None = Field(
        gt=0.0, lt=1.0, description="Of the averaged weights, which are then judged; null = off."
    )
    optimizer: OptimizerParams
    schedule: ScheduleParams
    select_by: SelectBy = Field(
        description="The AUC that chooses the epoch: of all validation images, or the mean or "
        "the lowest of the held-out groups."
    )
    patience: int | None = Field(
        ge=1, description="Epochs without a better AUC (select_by) before the end; null: all."
    )
    checkpoint_steps: int | None = Field(
        ge=1, description="Optimizer steps between two saves within an epoch; null: whole epochs."
    )
    resume: bool = Field(description="Continue the same run from its last saved state.")
    engine: Literal["local", "ray"] = Field(
        description="ray: on the workers of `cluster`, each with its slice of every batch."
    )

    @model_validator(mode="after")
    def _warmup_ends_before_training_does(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} leaves no epoch at full rate "
                f"(epochs={self.epochs}); lower warmup_epochs or raise epochs"
            )
        return self

    @model_validator(mode="after")
    def _the_contrastive_term_has_what_it_compares(self) -> Self:
        if not self.loss.contrastive:
            return self
        if self.batch_size == 1:
            raise ValueError(
                f"loss.contrastive={self.loss.contrastive:g} compares the images of a batch, and "
                "batch_size=1; raise batch_size or set loss.contrastive=0"
            )
        if self.mixup_alpha or self.cutmix_alpha:
            raise ValueError(
                f"loss.contrastive={self.loss.contrastive:g} needs one class for each image, and "
                "mixed images have two; set mixup_alpha=0 and cutmix_alpha=0, or "
                "loss.contrastive=0"
            )
        if self.compile is True:
            raise ValueError(
                f"compile=true does not go with loss.contrastive={self.loss.contrastive:g}, which "
                "looks into the network; set compile=auto or compile=false"
            )
        return self
