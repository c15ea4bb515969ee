"""Section ``tracking``: where and how a run is recorded."""

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
    system_metrics: bool = Field(description="Load of CPU, memory and GPU; needs psutil.")
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
