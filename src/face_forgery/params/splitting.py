"""Section ``splitting``: how validation is set apart, and hold-out groups."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import Fraction, Params, Seed


class HoldoutParams(Params):
    """Parts of the set that a detector can be tried on without having been trained on them."""

    by: Literal["kind", "source", "cluster"] | None = Field(
        description="kind: the forgeries of a kind; source: its real images and forgeries; "
        "cluster: forgeries that look alike to the backbone; null: no hold-out groups."
    )
    num_clusters: int = Field(ge=2, description="cluster only.")
    min_images: int = Field(
        ge=2, description="Of each class that a group is measured on; smaller groups are joined."
    )
    hold_out: Annotated[int, Field(ge=0)] | tuple[str, ...] = Field(
        description="Names of groups, or how many, drawn by splitting.seed, that training never "
        "sees and validation holds."
    )

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

    val_fraction: Fraction = Field(description="Of the images, whole groups together.")
    num_folds: int | None = Field(ge=2, description="null: one split by val_fraction.")
    fold: int = Field(ge=0, description="Which of the folds is validation, from 0.")
    seed: Seed
    leaks: Literal["refuse", "drop_from_train"] = Field(
        description="What happens when train and val share an image or a group."
    )
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
