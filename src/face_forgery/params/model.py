"""Sections ``model``, ``adopt``, ``preprocessing``, ``augmentation``: network and its input."""

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from face_forgery.limits import MAX_IMAGE_SIDE
from face_forgery.params.base import KindWeights, Location, Params, Probability

FineTuningMode = Literal["full", "linear", "last", "norm", "lora"]

LoraOption = Literal["r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora", "target_modules"]

# Set by the project, or ways around its checks of weights and of the network's shape.
RESERVED_OPTIONS = {
    "model_name",
    "num_classes",
    "in_chans",
    "features_only",
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "pretrained_strict",
    "checkpoint_path",
    "cache_dir",
    "device",
    "dtype",
    "exportable",
    "feature_cfg",
    "model_cfg",
    "pruned",
    "scriptable",
}


class ModelParams(Params):
    """The network: any timm backbone with two logits."""

    backbone: str
    pretrained: bool
    weights: Location | None
    options: dict[str, Any]
    input: str
    truncate_after: str | None
    fine_tuning: FineTuningMode
    last_blocks: int = Field(ge=1)
    lora: dict[LoraOption, bool | int | float | str]
    max_parameters: int | None = Field(ge=1)

    @model_validator(mode="after")
    def _one_source_of_weights(self) -> Self:
        if self.pretrained and self.weights is not None:
            raise ValueError(
                f"pretrained=true asks for the hub's weights and weights={self.weights!r} for a "
                "local file; set pretrained=false or weights=null"
            )
        reserved = sorted(RESERVED_OPTIONS & set(self.options))
        if reserved:
            raise ValueError(f"options must not hold {reserved}: they are set by the project")
        return self

    @field_validator("lora")
    @classmethod
    def _options_of_lora_are_sound(cls, lora: dict[str, Any]) -> dict[str, Any]:
        for name, value in lora.items():
            if isinstance(value, str) != (name == "target_modules"):
                raise ValueError(f"{name}={value!r}: target_modules is a text, the others are not")
        try:
            re.compile(lora.get("target_modules", ""))
        except re.error as error:
            raise ValueError(f"target_modules is no regular expression: {error}") from None
        if not (type(rank := lora.get("r", 8)) is int and rank >= 1):
            raise ValueError(f"r={rank} is not a whole number of at least 1")
        if not 0 <= lora.get("lora_dropout", 0) < 1:
            raise ValueError(f"lora_dropout={lora['lora_dropout']} is not in [0, 1)")
        return lora


def _for_each_color(value: Any) -> Any:
    return (value,) * 3 if isinstance(value, int | float) else value


ColorNumbers = Annotated[tuple[float, float, float], BeforeValidator(_for_each_color)]


class AdoptParams(Params):
    """A model that was trained elsewhere, and what it does not say of itself."""

    model: Location | None
    architecture: str | None
    options: dict[str, Any]
    fake: Annotated[int, Field(ge=0)] | tuple[Annotated[int, Field(ge=0)], ...] | None
    image_size: int | None = Field(ge=1, le=MAX_IMAGE_SIDE)
    interpolation: Literal["bilinear", "bicubic"] | None
    mean: ColorNumbers | None
    std: ColorNumbers | None

    @field_validator("options")
    @classmethod
    def _options_are_free(cls, options: dict[str, Any]) -> dict[str, Any]:
        if reserved := sorted(RESERVED_OPTIONS & set(options)):
            raise ValueError(f"must not hold {reserved}: they follow from the model's file")
        return options


class PreprocessingParams(Params):
    """What every image goes through, in training and everywhere else. Stored in the detector."""

    image_size: int = Field(ge=32, le=MAX_IMAGE_SIDE)
    interpolation: Literal["bilinear", "bicubic"]
    scaled_decoding: bool


class ForgeriesParams(Params):
    """Forgeries made of real training images while they are read, new ones in every epoch."""

    proportion: Probability
    kinds: KindWeights
    strength: float = Field(ge=0.0, le=2.0)


class AugmentationParams(Params):
    """Random changes of training images: pixels only, the same for both classes.

    Forgeries are additional images; they go through the same changes as all others.
    """

    forgeries: ForgeriesParams
    horizontal_flip: Probability
    vertical_flip: Probability
    crop_scale: Annotated[float, Field(gt=0.0, le=1.0)]
    rotation: float = Field(ge=0.0, le=180.0)
    shift: float = Field(ge=0.0, le=1.0)
    zoom: float = Field(ge=0.0, lt=1.0)
    color_jitter: float = Field(ge=0.0, le=1.0)
    degradation: Probability
    jpeg: Probability
    jpeg_quality: tuple[int, int]
    blur: Probability
    blur_sigma: tuple[float, float]
    noise: Probability
    noise_sigma: tuple[float, float]

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name in ("jpeg_quality", "blur_sigma", "noise_sigma"):
            low, high = getattr(self, name)
            if low > high or low < 0 or not math.isfinite(high):
                raise ValueError(f"{name}=[{low}, {high}] is not an ascending range from 0")
        if not (self.jpeg_quality[0] >= 1 and self.jpeg_quality[1] <= 100):
            raise ValueError(f"jpeg_quality={list(self.jpeg_quality)} leaves 1 to 100")
        return self
