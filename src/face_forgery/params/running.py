"""Sections ``tracking`` and ``cluster``: where a run is recorded, and which machines work."""

from typing import Self

from pydantic import Field, model_validator

from face_forgery.params.base import Params


class TrackingParams(Params):
    """Where and how a run is recorded. Nothing here changes a result."""

    enabled: bool
    tracking_uri: str = Field(
        min_length=1,
        description="An MLflow store: sqlite:///FILE, relative to the project, or a URL.",
    )
    experiment: str = Field(min_length=1)
    run_name: str | None = Field(description="null: the names of the pipelines.")
    run_id: str | None = Field(description="An existing run to go on with; null: a new one.")
    register_model: str | None = Field(
        description="Name in the model registry for each detector of the run; null: not registered."
    )
    skip_pipelines: tuple[str, ...] = Field(
        description="A run of nothing but these pipelines is not tracked."
    )

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

    address: str | None = Field(
        min_length=1,
        description="HOST:PORT; local: a Ray of its own on this machine; null: RAY_ADDRESS, or the "
        "cluster that this machine belongs to.",
    )
    num_workers: int | None = Field(ge=1, description="null: as many as there is room for.")
    cpus_per_worker: int = Field(ge=1, description="CPUs that a worker takes.")
    gpus_per_worker: float = Field(
        ge=0.0, allow_inf_nan=False, description="GPUs that a worker takes; 0.5: two share one."
    )
    storage: str | None = Field(
        min_length=1,
        description="Where workers in training save: a folder that all machines share, or a URL; "
        "null: a folder of this machine, if it is the only one.",
    )
    max_failures: int = Field(
        ge=0, description="How often training starts anew from its last save after a worker died."
    )
