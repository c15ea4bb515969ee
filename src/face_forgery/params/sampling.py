"""Section ``sampling``: how videos become a labelled set of frames."""

from typing import Literal

from pydantic import Field

from face_forgery.params.base import Location, NumWorkers, Params
from face_forgery.params.data import FacesParams, LabelSets


class SamplingParams(Params):
    """Which frames of which videos are cut, and how."""

    root: Location
    sets: LabelSets
    frames: int = Field(ge=1, le=100_000)
    choose: Literal["even", "first", "scenes"]
    crop: Literal["aligned", "square", "none"]
    scale: float = Field(ge=1.0, le=5.0)
    size: int = Field(ge=16, le=2048)
    num_workers: NumWorkers

    def faces(self, given: FacesParams) -> FacesParams:
        """Return how a detector of these crops cuts images; the rest is as ``given``."""
        assert self.crop != "none"
        margin = round((self.scale - 1) / 2, 9)
        return given.model_copy(update={"crop": self.crop, "margin": margin})
