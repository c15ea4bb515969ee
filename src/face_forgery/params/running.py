"""Sections ``tracking`` and ``cluster``: where a run is recorded, and which machines work."""

from typing import Self

from pydantic import Field, model_validator

from face_forgery.params.base import Params


class TrackingParams(Params):
    """Where and how a run is recorded. Nothing here changes a result."""

    enabled: bool
    tracking_uri: str = Field(min_length=1)
    experiment: str = Field(min_length=1)
    run_name: str | None
    run_id: str | None
    register_model: str | None
    skip_pipelines: tuple[str, ...]

    @model_validator(mode="after")
    def _a_run_has_one_name(self) -> Self:
        if self.run_id is not None and self.run_name is not None:
            raise ValueError(
                f"run_name={self.run_name!r} has no effect on the existing run {self.run_id!r}; "
                "set run_name=null or run_id=null"
            )
        return self


class ClusterParams(Params):
    """Which Ray cluster works, and what one worker takes of it.

    Nothing here changes a score of a detector. Of training it changes how sums are rounded, and
    what `docs/training.md` says.
    """

    address: str | None = Field(min_length=1)
    num_workers: int | None = Field(ge=1)
    cpus_per_worker: int = Field(ge=1)
    gpus_per_worker: float = Field(ge=0.0, allow_inf_nan=False)
    storage: str | None = Field(min_length=1)
    max_failures: int = Field(ge=0)
