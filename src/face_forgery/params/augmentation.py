"""Section ``augmentation``: random changes of training images."""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from face_forgery.params.base import KindWeights, Params, Probability


class ForgeriesParams(Params):
    """Forgeries made of real training images while they are read, new ones in every epoch."""

    proportion: Probability = Field(
        description="Forged copies that an epoch has beside its images, of the real ones with "
        "landmarks; 0 = off."
    )
    kinds: KindWeights = Field(description="Kind of forgery -> its weight among all.")
    strength: float = Field(
        ge=0.0, le=2.0, description="Of the traces; 1: as real forgeries have them."
    )

    @model_validator(mode="after")
    def _something_is_drawn(self) -> Self:
        if not sum(self.kinds.values()) > 0:
            raise ValueError(f"kinds={self.kinds} leaves nothing to make; give a kind a weight")
        return self


class AugmentationParams(Params):
    """Random changes of training images: pixels only, the same for both classes.

    Forgeries are additional images; they go through the same changes as all others.
    """

    forgeries: ForgeriesParams
    horizontal_flip: Probability
    vertical_flip: Probability
    crop_scale: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        description="Smallest share of the area that a random crop keeps; 1 = no cropping."
    )
    color_jitter: float = Field(
        ge=0.0, le=1.0, description="Largest relative change of brightness, contrast, saturation."
    )
    degradation: Probability = Field(
        description="How strong random chains of JPEG, WebP, blur, noise, resampling, color, "
        "contrast and occlusion are; 0 = off."
    )
    jpeg: Probability
    jpeg_quality: tuple[int, int] = Field(description="Lowest and highest quality drawn.")
    blur: Probability
    blur_sigma: tuple[float, float] = Field(description="Pixels of the network's input.")
    noise: Probability
    noise_sigma: tuple[float, float] = Field(description="Standard deviation, 0 to 255.")

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name in ("jpeg_quality", "blur_sigma", "noise_sigma"):
            low, high = getattr(self, name)
            if low > high or low < 0 or not math.isfinite(high):
                raise ValueError(f"{name}=[{low}, {high}] is not an ascending range from 0")
        if not (self.jpeg_quality[0] >= 1 and self.jpeg_quality[1] <= 100):
            raise ValueError(f"jpeg_quality={list(self.jpeg_quality)} leaves 1 to 100")
        return self
