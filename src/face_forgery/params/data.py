"""Sections ``data``, ``ingestion`` and ``faces``: where images are, and how they are read."""

from typing import Literal, Self

from pydantic import Field, model_validator

from face_forgery.params.base import ColumnName, Fraction, NumWorkers, Params, Place, Probability


class DataParams(Params):
    """Where the labels and the images are. Every name is relative to ``root``."""

    root: Place = Field(description="The folder that holds the label files and the image folders.")
    train_labels: Place = Field(
        description="A label file, or a folder with one sub-folder a class (real/, fake/)."
    )
    train_images: Place = Field(description="The folder that `img_name` of the labels starts from.")
    val_labels: Place | None = Field(description="null: split off the training set by group.")
    val_images: Place | None
    test_labels: Place | None = Field(description="null: the submission covers validation.")
    test_images: Place | None

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

    max_rejected: Probability = Field(
        description="Largest share of unreadable images that a labelled set may have."
    )
    num_workers: NumWorkers = Field(
        description="Threads that read images; 0: this one; auto: one a core."
    )
    check: Literal["pixels", "headers"] = Field(
        description="headers: a JPEG or PNG with header and end is not decoded; faster."
    )
    columns: ColumnNames
    class_folders: dict[str, Literal[0, 1]] = Field(
        description="Folder name (lower case) -> target, for a folder a class."
    )


class FacesParams(Params):
    """How pictures are cut to their faces, in training and everywhere else. In the detector."""

    detector: Place | None = Field(
        description="A YuNet face detector in ONNX; null: pictures are taken whole."
    )
    min_confidence: Fraction = Field(description="Of the face detector.")
    margin: float = Field(
        ge=0.0, le=2.0, description="Around the face, of the longer side of its box."
    )
    min_size: int = Field(ge=1, description="Pixels; the shorter side of a face's box.")
    max_blur: Probability = Field(description="0 sharp, 1 without any detail (data.images.faces).")
