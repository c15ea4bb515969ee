"""Sections ``demo_data`` and ``forging``: sets that are made."""

from typing import Self

from pydantic import Field, model_validator

from face_forgery.params.base import KindWeights, NumWorkers, Params, Place, Seed


class DemoDataParams(Params):
    """The drawn set: how many faces, how large, where."""

    root: Place = Field(description="The folder to write; it must be empty or a drawn set.")
    train_images: int = Field(ge=2, le=10_000_000)
    val_images: int = Field(ge=2, le=10_000_000)
    test_images: int = Field(ge=0, le=10_000_000)
    image_size: int = Field(ge=64, le=1024, description="Pixels.")
    seed: Seed
    num_workers: NumWorkers = Field(
        description="Processes; auto: one a core. Does not change the images."
    )


class ForgingParams(Params):
    """A labelled set of forgeries made from the real images of the data.

    ``landmarks`` is also where training has them from (``augmentation.forgeries``).
    """

    root: Place = Field(description="The folder to write; it must be empty or a forged set.")
    landmarks: Place | None = Field(
        description="A CSV img_name,x0,y0,... of 5 or 68 points; null: found by faces.detector."
    )
    kinds: KindWeights = Field(description="Kind of forgery -> its weight among all.")
    strength: float = Field(
        ge=0.0, le=2.0, description="Of the traces; 1: as real forgeries have them."
    )
    circle: int = Field(
        ge=2, description="Groups that exchange faces and become one group of the set."
    )
    common_scale: tuple[float, float] = Field(
        description="Smallest and largest factor that an image and its forgery are resized by."
    )
    jpeg_quality: tuple[int, int] = Field(
        description="Lowest and highest quality, drawn for an image and its forgery together."
    )
    seed: Seed
    num_workers: NumWorkers = Field(
        description="Processes; auto: one a core. Does not change the images."
    )

    @model_validator(mode="after")
    def _something_is_drawn(self) -> Self:
        if not sum(self.kinds.values()) > 0:
            raise ValueError(f"kinds={self.kinds} leaves nothing to make; give a kind a weight")
        low, high = self.jpeg_quality
        if not 1 <= low <= high <= 95:
            raise ValueError(f"jpeg_quality=[{low}, {high}] is not an ascending range in 1 to 95")
        smallest, largest = self.common_scale
        if not 0.25 <= smallest <= largest <= 1.0:
            raise ValueError(
                f"common_scale=[{smallest}, {largest}] is not an ascending range in 0.25 to 1"
            )
        return self
