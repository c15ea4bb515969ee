"""Sections ``data``, ``ingestion``, ``faces``, ``splitting``: what is read, and how it is split."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from face_forgery.params.base import (
    ColumnName,
    Fraction,
    Location,
    NumWorkers,
    Params,
    Probability,
    Seed,
)

_BOOLEANS = {"true": "1", "false": "0"}
_WHOLE = re.compile(r"[+-]?\d+\.0*")  # a whole number as pandas writes it beside missing ones


def plain_label(value: Any) -> str:
    """Return a label as it is looked up: in lower case, ``1`` for 1.0 and true.

    Example:
        >>> [plain_label(label) for label in (" REAL", "1.0", True, 0)]
        ['real', '1', '1', '0']
    """
    text = str(value).strip().lower()
    return _BOOLEANS.get(text, text.partition(".")[0] if _WHOLE.fullmatch(text) else text)


def _check_pattern(text: str | None) -> str | None:
    if text in (None, "auto", "folder"):
        return text
    try:
        names = set(re.compile(str(text)).groupindex)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if not names or not names <= {"group", "kind", "source", "video", "frame"}:
        raise ValueError(
            "a pattern names what it finds: (?P<group>...), (?P<kind>...), (?P<source>...), "
            "(?P<video>...), (?P<frame>...); else there are auto, folder and null"
        )
    return text


# How a folder of labels is laid out; `face_forgery.data.labels.layouts` has a reader a name.
LayoutName = Literal[
    "auto",
    "class_folders",
    "faceforensics",
    "celeb_df",
    "dfdc",
    "dfdc_preview",
    "ffiw",
    "wild_deepfake",
    "deepfakebench",
    "image_folder",
    "multi_ffdi",
    "sampled",
]

Classes = Annotated[
    dict[str, Literal[0, 1]],
    BeforeValidator(
        lambda v: {plain_label(name): t for name, t in v.items()} if isinstance(v, dict) else v
    ),
]


CropName = Literal["square", "aligned"]


class LabelSet(Params):
    """One of several sets; paths are relative to ``data.root``."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)
    labels: Location
    images: Location
    layout: LayoutName = "auto"


def _name_by_keys(sets: Any) -> Any:
    """Take what a command line gives: testing.sets.NAME.labels=FILE."""
    if not isinstance(sets, dict):
        return () if sets is None else sets
    return [{"name": n, **one} if isinstance(one, dict) else one for n, one in sets.items()]


def _check_names(sets: tuple[LabelSet, ...]) -> tuple[LabelSet, ...]:
    names = [one.name for one in sets]
    # A file system may not tell upper from lower case.
    twice = sorted({name for name in names if [*map(str.lower, names)].count(name.lower()) > 1})
    if twice:
        raise ValueError(f"{len(twice)} name(s) stand for several sets: {', '.join(twice)}")
    return sets


# Their paths start from the project.
LabelSets = Annotated[
    tuple[LabelSet, ...], BeforeValidator(_name_by_keys), AfterValidator(_check_names)
]


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
    layout: LayoutName
    sets: tuple[LabelSet, ...]  # joined for training in place of train_labels, if there are any

    @classmethod
    def of_set(cls, one: LabelSet) -> "DataParams":
        """Return where a set is whose paths start from the project, as if it were for training."""
        return cls(
            root=".",
            name=None,
            origin=None,
            train_labels=one.labels,
            train_images=one.images,
            layout=one.layout,
            sets=(),
            **dict.fromkeys(("val_labels", "val_images", "test_labels", "test_images")),
        )

    def image_folder(self, subset: str) -> str:
        """Return the folder that holds every image of a subset."""
        return "." if self.sets and subset == "train" else str(getattr(self, f"{subset}_images"))

    @model_validator(mode="after")
    def _sets_have_names_of_their_own(self) -> Self:
        names = [one.name for one in self.sets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sets: {', '.join(twice)} stand(s) for several; name them apart")
        return self

    @model_validator(mode="after")
    def _labels_come_with_images(self) -> Self:
        for name in ("val", "test"):
            if getattr(self, f"{name}_labels") and not getattr(self, f"{name}_images"):
                raise ValueError(f"{name}_labels is set but {name}_images is null; name the folder")
        return self


class ColumnNames(Params):
    """What the columns of a label CSV are called; all but the first two may be absent from it."""

    img_name: ColumnName
    target: ColumnName
    group: ColumnName
    kind: ColumnName
    source: ColumnName
    video: ColumnName
    frame: ColumnName


class IngestionParams(Params):
    """How label files are read and images inspected."""

    max_rejected: Probability
    num_workers: NumWorkers
    check: Literal["pixels", "headers"]
    columns: ColumnNames
    targets: Classes
    class_folders: Classes
    from_path: Annotated[str | None, AfterValidator(_check_pattern)]
    exclude: tuple[str, ...]
    links_into: Location | None

    @model_validator(mode="after")
    def _numbers_have_both_meanings(self) -> Self:
        if len({"0", "1"} & set(self.targets)) == 1:
            raise ValueError("targets says what one of 0 and 1 means; name both, as {1: 0, 0: 1}")
        return self


class FacesParams(Params):
    """How images are cut to their faces, in training and everywhere else. In the detector."""

    detector: Location | None
    min_confidence: Fraction
    crop: CropName = "square"  # of detectors that are older than the choice
    margin: float = Field(ge=0.0, le=2.0)
    min_size: int = Field(ge=1)
    max_blur: Probability

    def identify(self) -> str:
        """Return what tells detectors apart, in JSON; what all older ones did is left unsaid."""
        unsaid = {"detector"} | ({"crop"} if self.crop == "square" else set())
        return self.model_dump_json(exclude=unsaid)


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
