"""Sections ``demo_data`` and ``forging``: sets that are made."""

from pydantic import Field

from face_forgery.params.base import KindWeights, Location, NumWorkers, Params, Seed


class DemoDataParams(Params):
    """The drawn set: how many faces, how large, where."""

    root: Location
    train_images: int = Field(ge=2, le=10_000_000)
    val_images: int = Field(ge=2, le=10_000_000)
    test_images: int = Field(ge=0, le=10_000_000)
    image_size: int = Field(ge=64, le=1024)
    seed: Seed
    num_workers: NumWorkers


class ForgingParams(Params):
    """A labelled set of forgeries made from the real images of the data.

    ``landmarks`` is also where training has them from (``augmentation.forgeries``).
    """

    root: Location
    landmarks: Location | None
    kinds: KindWeights
    strength: float = Field(ge=0.0, le=2.0)
    seed: Seed
    num_workers: NumWorkers
