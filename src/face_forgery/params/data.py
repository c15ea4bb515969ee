"""Sections ``data``, ``ingestion``, ``faces``, ``splitting``: what is read, and how it is split."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import (
    ColumnName,
    Fraction,
    Location,
    NumWorkers,
    Params,
    Probability,
    Seed,
)


class DataParams(Params):
    """Where the labels and the images are. Every name is relative to ``root``."""

    root: Location
    name: str | None = Field(min_length=1)
    origin: Literal["drawn", "photographed"] | None
    train_labels: Location
    train_images: Location
    val_labels: Location | None
    val_images: Location | None
    test_labels: Location | None
    test_images: Location | None

    @model_validator(mode="after")
    def _labels_come_with_images(self) -> Self:
        for name in ("val", "test"):
            if getattr(self, f"{name}_labels") and not getattr(self, f"{name}_images"):
                raise ValueError(f"{name}_labels is set but {name}_images is null; name the folder")
        return self


class ColumnNames(Params):
    """What the columns of a label CSV are called; the last three may be absent from the file."""

    img_name: ColumnName
    target: ColumnName
    group: ColumnName
    kind: ColumnName
    source: ColumnName


class IngestionParams(Params):
    """How label files are read and images inspected."""

    max_rejected: Probability
    num_workers: NumWorkers
    check: Literal["pixels", "headers"]
    columns: ColumnNames
    class_folders: dict[str, Literal[0, 1]]


class FacesParams(Params):
    """How images are cut to their faces, in training and everywhere else. In the detector."""

    detector: Location | None
    min_confidence: Fraction
    margin: float = Field(ge=0.0, le=2.0)
    min_size: int = Field(ge=1)
    max_blur: Probability


class HoldoutParams(Params):
    """Parts of the set that a detector can be tried on without having been trained on them."""

    by: Literal["kind", "source", "cluster"] | None
    num_clusters: int = Field(ge=2)
    min_images: int = Field(ge=2)
    hold_out: Annotated[int, Field(ge=0)] | tuple[str, ...]

    @model_validator(mode="before")
    @classmethod
    def _one_name_is_a_list(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("hold_out"), str):
            return values | {"hold_out": [values["hold_out"]]}
        return values

    @model_validator(mode="after")
    def _there_is_something_to_hold_out(self) -> Self:
        if self.by is None and self.hold_out:
            raise ValueError(
                f"hold_out={_shown(self.hold_out)} has no effect while by is null; set by to kind, "
                "source or cluster"
            )
        if isinstance(self.hold_out, tuple) and len(set(self.hold_out)) < len(self.hold_out):
            raise ValueError(f"hold_out={_shown(self.hold_out)} names a group twice")
        return self


class SplittingParams(Params):
    """How validation is set apart, and what counts as a leak between the two sides."""

    val_fraction: Fraction
    num_folds: int | None = Field(ge=2)
    fold: int = Field(ge=0)
    seed: Seed
    leaks: Literal["refuse", "drop_from_train"]
    holdout: HoldoutParams

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.num_folds is None and self.fold != 0:
            raise ValueError(f"fold={self.fold} has no effect while num_folds is null")
        if self.num_folds is not None and self.fold >= self.num_folds:
            raise ValueError(f"fold={self.fold} does not exist; num_folds={self.num_folds}")
        return self


def _shown(value: int | tuple[str, ...]) -> str:
    return str(value) if isinstance(value, int) else str(list(value))
