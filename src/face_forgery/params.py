"""Every knob of the project: one model per section of the parameters.

Values live in ``conf/``; this file holds only names, units and rules.
"""

import math
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

_MOST_WORKERS = 16  # each holds decoded batches in memory


def _count_workers(value: Any) -> Any:
    """Return for ``auto`` the cores that this process may use; other values as they are."""
    if value != "auto":
        return value
    from joblib import cpu_count

    return min(cpu_count(), _MOST_WORKERS)


Fraction = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
InputName = Literal["rgb", "rgb_srm", "rgb_frequency"]
TuningName = Literal["full", "linear", "norm", "low_rank"]
LossName = Literal["cross_entropy", "bce", "focal"]
SelectBy = Literal["overall", "held_out_mean", "held_out_worst"]
ViewName = Literal["whole", "flipped", "closer", "closer_flipped"]
Rate = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
# Of this machine: the limits of a container count, too.
NumWorkers = Annotated[int, Field(ge=0, le=512), BeforeValidator(_count_workers)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy, torch and scikit-learn all take
ColumnName = Annotated[str, Field(min_length=1)]
Place = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]  # a path or a URL
KindWeights = dict[
    Literal["face_swap", "reenactment", "talking_face", "attribute_edit", "self_blend"],
    Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)],
]


# Set by the project, or ways around its checks of weights and of the network's shape.
RESERVED_OPTIONS = {
    "model_name",
    "num_classes",
    "in_chans",
    "features_only",
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "pretrained_strict",
    "checkpoint_path",
    "cache_dir",
    "exportable",
    "scriptable",
}


def _takes_bool(annotation: Any) -> bool:
    return annotation is bool or any(_takes_bool(part) for part in get_args(annotation))


class ParameterError(ValueError):
    """The parameters cannot be used; the message lists every fault and the nearest names."""


class Params(BaseModel):
    """Base model: an unknown key is an error, a value never changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name
        if isinstance(value, bool) and name and not _takes_bool(cls.model_fields[name].annotation):
            raise ValueError("true and false are no value of it")
        return value


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


class FoldsParams(Params):
    """Parts of the set that a detector can be tried on without having been trained on them."""

    by: Literal["kind", "source", "cluster"] | None = Field(
        description="kind: the forgeries of a kind; source: its real pictures and forgeries; "
        "cluster: forgeries that look alike to the backbone; null: no folds."
    )
    num_clusters: int = Field(ge=2, description="cluster only.")
    min_images: int = Field(ge=2, description="Of each class that a fold is measured on.")
    small: Literal["merge", "refuse"] = Field(
        description="What becomes of folds with fewer: they are joined, or an error."
    )
    hold_out: Annotated[int, Field(ge=0)] | tuple[str, ...] = Field(
        description="Names of folds, or how many, drawn by splitting.seed, that training never "
        "sees and validation holds."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_name_is_a_list(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("hold_out"), str):
            return values | {"hold_out": [values["hold_out"]]}
        return values

    @model_validator(mode="after")
    def _held_out_folds_are_folds_of_something(self) -> Self:
        if self.by is None and self.hold_out:
            raise ValueError(
                f"hold_out={_shown(self.hold_out)} has no effect while by is null; set by to kind, "
                "source or cluster"
            )
        if isinstance(self.hold_out, tuple) and len(set(self.hold_out)) < len(self.hold_out):
            raise ValueError(f"hold_out={_shown(self.hold_out)} names a fold twice")
        return self


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
    max_blur: Probability = Field(description="0 sharp, 1 without any detail; data/faces.py.")


class SplittingParams(Params):
    """How validation is set apart, and what counts as a leak between the two sides."""

    val_fraction: Fraction = Field(description="Of the images, whole groups together.")
    num_folds: int | None = Field(ge=2, description="null: one split by val_fraction.")
    fold: int = Field(ge=0, description="Which of the folds is validation, from 0.")
    seed: Seed
    near_duplicate_bits: int = Field(
        ge=0, le=16, description="Largest Hamming distance of two 64-bit perceptual hashes."
    )
    leaks: Literal["refuse", "drop_from_train"] = Field(
        description="What happens when train and val share an image or a group."
    )
    folds: FoldsParams

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.num_folds is None and self.fold != 0:
            raise ValueError(f"fold={self.fold} has no effect while num_folds is null")
        if self.num_folds is not None and self.fold >= self.num_folds:
            raise ValueError(f"fold={self.fold} does not exist; num_folds={self.num_folds}")
        return self


class ModelParams(Params):
    """The network: any timm backbone with two logits."""

    backbone: str = Field(description="A timm model name.")
    pretrained: bool = Field(description="true: the model hub's weights.")
    weights: Place | None = Field(description="A local .safetensors or .pth in place of the hub.")
    options: dict[str, Any] = Field(description="Handed to timm.create_model.")
    input: InputName = Field(
        description="What the backbone is shown; rgb_srm and rgb_frequency add three channels of "
        "fixed filters. Stored in the detector."
    )
    cut_after: str | None = Field(
        description="The block that the network ends with, such as layer3 or blocks.3.1; null: "
        "all of it. Stored in the detector."
    )
    tuning: TuningName = Field(
        description="What is trained besides the head: everything, nothing, the normalization "
        "layers, or a change of low rank of every other layer."
    )
    rank: int = Field(ge=1, description="low_rank only: of the change of a layer.")
    max_parameters: int | None = Field(
        ge=1, description="A detector with more weights is refused; null: no limit."
    )

    @model_validator(mode="after")
    def _one_source_of_weights(self) -> Self:
        if self.pretrained and self.weights is not None:
            raise ValueError(
                f"pretrained=true asks for the hub's weights and weights={self.weights!r} for a "
                "local file; set pretrained=false or weights=null"
            )
        reserved = sorted(RESERVED_OPTIONS & set(self.options))
        if reserved:
            raise ValueError(f"options must not hold {reserved}: they are set by the project")
        return self


class PreprocessingParams(Params):
    """What every image goes through, in training and everywhere else. Stored in the detector."""

    image_size: int = Field(ge=32, le=2048, description="Pixels; the network's square input.")
    interpolation: Literal["bilinear", "bicubic"]
    scaled_decoding: bool = Field(
        description="Decode a JPEG at 1/2, 1/4 or 1/8 where that is no smaller than image_size; no "
        "effect where faces are cut out."
    )


class ForgeriesParams(Params):
    """Forgeries made of real training pictures while they are read, new ones in every epoch."""

    share: Probability = Field(
        description="Forged copies that an epoch has beside its pictures, of the real ones with "
        "landmarks; 0 = off."
    )
    kinds: KindWeights = Field(description="Kind of forgery -> its weight among all.")
    strength: float = Field(
        ge=0.0, le=2.0, description="Of the traces; 1: as real forgeries have them."
    )

    @model_validator(mode="after")
    def _something_is_drawn(self) -> Self:
        if not sum(self.kinds.values()) > 0:
            raise ValueError(f"kinds={self.kinds} leaves nothing to make; give a kind a weight")
        return self


class AugmentationParams(Params):
    """Random changes of training images: pixels only, the same for both classes.

    Forgeries are additional pictures; they go through the same changes as all others.
    """

    forgeries: ForgeriesParams
    horizontal_flip: Probability
    vertical_flip: Probability
    crop_scale: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        description="Smallest share of the area that a random crop keeps; 1 = no cropping."
    )
    color_jitter: float = Field(
        ge=0.0, le=1.0, description="Largest relative change of brightness, contrast, saturation."
    )
    degradation: Probability = Field(
        description="How strong random chains of JPEG, WebP, blur, noise, resampling, color, "
        "contrast and occlusion are; 0 = off."
    )
    jpeg: Probability
    jpeg_quality: tuple[int, int] = Field(description="Lowest and highest quality drawn.")
    blur: Probability
    blur_sigma: tuple[float, float] = Field(description="Pixels of the network's input.")
    noise: Probability
    noise_sigma: tuple[float, float] = Field(description="Standard deviation, 0 to 255.")

    @model_validator(mode="after")
    def _ranges_ascend(self) -> Self:
        for name in ("jpeg_quality", "blur_sigma", "noise_sigma"):
            low, high = getattr(self, name)
            if low > high or low < 0 or not math.isfinite(high):
                raise ValueError(f"{name}=[{low}, {high}] is not an ascending range from 0")
        if not (self.jpeg_quality[0] >= 1 and self.jpeg_quality[1] <= 100):
            raise ValueError(f"jpeg_quality={list(self.jpeg_quality)} leaves 1 to 100")
        return self


class OptimizerParams(Params):
    """The optimizer, by its usual name."""

    name: Literal["adamw", "adam", "sgd"]
    learning_rate: Rate = Field(description="Peak rate, reached after warm-up.")
    weight_decay: float = Field(ge=0.0, allow_inf_nan=False)
    layer_decay: float | None = Field(
        gt=0.0, le=1.0, description="Factor of the rate from a layer to the one below; null = off."
    )


class ScheduleParams(Params):
    """How the learning rate moves after warm-up."""

    name: Literal["cosine", "step", "constant"]
    step_epochs: int | None = Field(ge=1, description="step only: epochs between two drops.")
    gamma: float | None = Field(gt=0.0, le=1.0, description="step only: factor of each drop.")

    @model_validator(mode="after")
    def _step_has_its_numbers(self) -> Self:
        given = (self.step_epochs is not None, self.gamma is not None)
        if self.name == "step" and not all(given):
            raise ValueError("schedule.name=step needs step_epochs and gamma")
        if self.name != "step" and any(given):
            raise ValueError(f"step_epochs and gamma have no effect with name={self.name}")
        return self


class LossParams(Params):
    """What is minimized: a loss of the classes, and two terms that can be added."""

    name: LossName
    gamma: float = Field(
        ge=0.0,
        le=10.0,
        description="focal only: how little a picture counts that is right already.",
    )
    contrastive: float = Field(
        ge=0.0,
        allow_inf_nan=False,
        description="Weight of the supervised-contrastive term; 0: off.",
    )
    temperature: Rate = Field(description="Of the contrastive term.")
    consistency: float = Field(
        ge=0.0,
        allow_inf_nan=False,
        description="Weight of saying the same of a picture and its degraded copy; 0: off.",
    )


class TrainingParams(Params):
    """Everything else that changes the trained weights."""

    seed: Seed
    epochs: int = Field(ge=1)
    warmup_epochs: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    accumulate: int = Field(ge=1, description="Batches of one optimizer step.")
    sampling: Literal["shuffled", "balanced"] = Field(
        description="balanced: as many of each class in every epoch."
    )
    source_balance: Probability = Field(
        description="How evenly the sources of a class share its part of an epoch: in proportion "
        "to their sizes to the power of 1 - source_balance; 0 = as they come, 1 = all alike."
    )
    num_workers: NumWorkers = Field(
        description="Loader processes; auto: one a core. Does not change the result."
    )
    cache: str | None = Field(
        min_length=1,
        description="A folder for decoded pictures, read from the second epoch on; null: none. "
        "Does not change the result.",
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        description="auto: bfloat16 where the device gains from it, else float32."
    )
    compile: bool | Literal["auto"] = Field(
        description="torch.compile; auto: where the run is long enough to pay for it."
    )
    mixup_alpha: float = Field(
        ge=0.0, allow_inf_nan=False, description="Of the Beta distribution of shares; 0 = off."
    )
    cutmix_alpha: float = Field(
        ge=0.0, allow_inf_nan=False, description="The same for rectangles; with both, one is drawn."
    )
    label_smoothing: float = Field(ge=0.0, lt=1.0, description="Share spread over both classes.")
    loss: LossParams
    grad_clip_norm: Rate | None = Field(description="null = off.")
    ema_decay: float | None = Field(
        gt=0.0, lt=1.0, description="Of the averaged weights, which are then judged; null = off."
    )
    optimizer: OptimizerParams
    schedule: ScheduleParams
    select_by: SelectBy = Field(
        description="The AUC that chooses the epoch: of all validation pictures, or the mean or "
        "the lowest of the held-out folds."
    )
    patience: int | None = Field(
        ge=1, description="Epochs without a better AUC (select_by) before the end; null: all."
    )
    checkpoint_steps: int | None = Field(
        ge=1, description="Optimizer steps between two saves within an epoch; null: whole epochs."
    )
    resume: bool = Field(description="Continue the same run from its last saved state.")
    engine: Literal["local", "ray"] = Field(
        description="ray: on the workers of `cluster`, each with its share of every batch."
    )

    @model_validator(mode="after")
    def _warmup_ends_before_training_does(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} leaves no epoch at full rate "
                f"(epochs={self.epochs}); lower warmup_epochs or raise epochs"
            )
        return self

    @model_validator(mode="after")
    def _the_contrastive_term_has_what_it_compares(self) -> Self:
        if not self.loss.contrastive:
            return self
        if self.batch_size == 1:
            raise ValueError(
                f"loss.contrastive={self.loss.contrastive:g} compares the pictures of a batch, and "
                "batch_size=1; raise batch_size or set loss.contrastive=0"
            )
        if self.mixup_alpha or self.cutmix_alpha:
            raise ValueError(
                f"loss.contrastive={self.loss.contrastive:g} needs one class for each picture, and "
                "mixed pictures have two; set mixup_alpha=0 and cutmix_alpha=0, or "
                "loss.contrastive=0"
            )
        if self.compile is True:
            raise ValueError(
                f"compile=true does not go with loss.contrastive={self.loss.contrastive:g}, which "
                "looks into the network; set compile=auto or compile=false"
            )
        return self


class EnsembleParams(Params):
    """Which detectors become one."""

    members: tuple[str, ...] = Field(
        description="Folders of evaluated detectors; a name with * stands for all it matches."
    )
    other_data: Literal["refuse", "allow"] = Field(
        description="Of members that were trained on another split than the present one: they may "
        "have seen its validation images."
    )


class ScoringParams(Params):
    """How images are scored; the first two do not change a score."""

    batch_size: int = Field(ge=1)
    num_workers: NumWorkers = Field(description="Processes; auto: one a core.")
    precision: Literal["float32", "bfloat16"] = Field(
        description="Evaluation makes it part of the detector; later uses follow the detector."
    )
    views: tuple[ViewName, ...] = Field(
        min_length=1,
        description="A score is the mean over these views, each a forward pass. A list, or names "
        "joined by +. Evaluation makes them part of the detector.",
    )

    @field_validator("views", mode="before")
    @classmethod
    def _names_may_be_joined(cls, value: Any) -> Any:
        return value.split("+") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _no_view_twice(self) -> Self:
        if len(set(self.views)) < len(self.views):
            raise ValueError(
                f"views={list(self.views)} names one twice: it would count and cost double"
            )
        return self


class EvaluationParams(Params):
    """How scores are judged."""

    seed: Seed
    num_resamples: int = Field(ge=100, le=100_000, description="Bootstrap resamples.")
    confidence: Fraction = Field(description="Of the intervals.")
    ece_bins: int = Field(ge=2, le=10_000)
    target_fpr: Fraction = Field(description="Share of real images that may be called fake.")
    target_fnr: Fraction = Field(description="Share of forgeries that may be called real.")


class AuditParams(Params):
    """How a set is searched for shortcuts and leaks."""

    max_images: int = Field(ge=50, description="Largest sample that shortcuts are looked for in.")
    num_folds: int = Field(ge=2, description="Of the cross-validation, whole groups together.")
    limit: float = Field(
        gt=0.5, lt=1.0, description="AUC without looking at the face that is warned about."
    )
    seed: Seed


class RobustnessParams(Params):
    """What validation images go through to see what survives."""

    num_images: int = Field(
        ge=2, description="At most so many, each class, kind and source with its share."
    )
    seed: Seed
    families: tuple[
        Literal["deeper_forensics", "compression", "scaling", "blur_and_noise", "chains"], ...
    ] = Field(min_length=1, description="Which families of degradations.")
    max_side: int = Field(ge=64, description="Pixels; longer pictures are reduced to it first.")

    @model_validator(mode="after")
    def _no_family_twice(self) -> Self:
        if len(set(self.families)) < len(self.families):
            raise ValueError(f"families={list(self.families)} names one twice")
        return self


class ComparisonParams(Params):
    """Whose scores are compared."""

    scores: dict[str, str] = Field(
        description="Name -> a Parquet or CSV file of scores, or run:ID of an MLflow run."
    )


class SubmissionParams(Params):
    """How a submission is written."""

    unreadable_score: Probability | None = Field(
        description="Score of an image that cannot be read; null: such an image is an error."
    )


class InferenceParams(Params):
    """Whose pictures are judged."""

    images: Place = Field(
        description="A folder, a CSV with a column img_name, a glob or one file; or the URL of one."
    )
    output: str = Field(
        pattern=r"(?i)\.(csv|parquet|jsonl)$",
        description="The file of verdicts, or its URL; its ending says the format: .csv, .parquet "
        "or .jsonl.",
    )
    min_size: int = Field(ge=1, description="Pixels; a shorter side is too small to judge.")
    engine: Literal["local", "ray"] = Field(
        description="Where pictures are judged: on this machine, or by a Ray cluster (`cluster`). "
        "Does not change a score."
    )
    explain: bool = Field(description="Also explain the pictures with the highest scores.")


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


class ExplanationParams(Params):
    """How many of the pictures of ``inference.images`` are explained."""

    max_pictures: int = Field(
        ge=1,
        description="The first so many, or those with the highest scores where inference explains; "
        "a page and a second or two each.",
    )


class VideoParams(Params):
    """Whose videos are judged, how they are sampled, and how frames are summed up."""

    videos: Place = Field(description="A folder, a CSV with a column img_name, a glob or one file.")
    frames_per_second: float = Field(
        gt=0.0, le=120.0, allow_inf_nan=False, description="How many frames are looked at."
    )
    max_frames: int = Field(
        ge=1, description="Of a video; a longer one is looked at in windows spread evenly."
    )
    window_seconds: float = Field(
        gt=0.0,
        le=3600.0,
        allow_inf_nan=False,
        description="A video is judged by the most suspicious so many seconds of a person.",
    )
    min_frames: int = Field(ge=1, description="Judged frames that such a window needs.")

    @model_validator(mode="after")
    def _a_window_has_its_frames(self) -> Self:
        per_window = math.floor(self.window_seconds * self.frames_per_second + 1e-9) + 1
        if not self.min_frames <= per_window <= self.max_frames:
            raise ValueError(
                f"frames_per_second={self.frames_per_second:g} puts {per_window} frame(s) into "
                f"window_seconds={self.window_seconds:g}; there must be at least "
                f"min_frames={self.min_frames} and at most max_frames={self.max_frames}"
            )
        return self


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
    """A labelled set of forgeries made from the real pictures of the data.

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
        description="Smallest and largest factor that a picture and its forgery are resized by."
    )
    jpeg_quality: tuple[int, int] = Field(
        description="Lowest and highest quality, drawn for a picture and its forgery together."
    )
    seed: Seed
    num_workers: NumWorkers = Field(
        description="Processes; auto: one a core. Does not change the pictures."
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


class Parameters(Params):
    """The whole of the parameters, as `kedro run` sees them."""

    data: DataParams
    ingestion: IngestionParams
    faces: FacesParams
    splitting: SplittingParams
    model: ModelParams
    preprocessing: PreprocessingParams
    augmentation: AugmentationParams
    training: TrainingParams
    ensemble: EnsembleParams
    scoring: ScoringParams
    evaluation: EvaluationParams
    audit: AuditParams
    robustness: RobustnessParams
    comparison: ComparisonParams
    submission: SubmissionParams
    inference: InferenceParams
    cluster: ClusterParams
    explanation: ExplanationParams
    video: VideoParams
    demo_data: DemoDataParams
    forging: ForgingParams
    tracking: TrackingParams

    @model_validator(mode="after")
    def _folds_are_made_of_the_training_set(self) -> Self:
        if self.splitting.num_folds is not None and self.data.val_labels is not None:
            raise ValueError(
                f"splitting.num_folds={self.splitting.num_folds} has no effect while "
                f"data.val_labels={self.data.val_labels} sets validation apart; set one of them to "
                "null"
            )
        return self

    @model_validator(mode="after")
    def _there_are_folds_to_select_by(self) -> Self:
        if self.training.select_by != "overall" and not self.splitting.folds.hold_out:
            raise ValueError(
                f"training.select_by={self.training.select_by} needs folds that training does not "
                "see; set splitting.folds.by and splitting.folds.hold_out, or "
                "training.select_by=overall"
            )
        return self

    @model_validator(mode="after")
    def _contrasted_features_can_change(self) -> Self:
        contrastive = self.training.loss.contrastive
        if contrastive and self.model.tuning == "linear" and self.model.input == "rgb":
            raise ValueError(
                f"training.loss.contrastive={contrastive:g} has no effect while "
                "model.tuning=linear leaves the features as they are; set another model.tuning or "
                "training.loss.contrastive=0"
            )
        return self


def check_parameters(values: dict[str, Any]) -> Parameters:
    """Return the parameters typed, or say everything that is wrong with them at once.

    Args:
        values: The nested mapping that the configuration holds.

    Raises:
        ParameterError: One line a fault: the dotted name, the rule, and for an unknown name the
            nearest known ones.
    """
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        faults = [_describe_fault(fault, values) for fault in error.errors()]
        raise ParameterError(
            f"{len(faults)} fault(s) in the parameters (conf/*/parameters*.yml or --params):\n"
            + "\n".join(f"  {fault}" for fault in faults)
        ) from error


def _shown(value: int | tuple[str, ...]) -> str:
    return str(value) if isinstance(value, int) else str(list(value))


def _describe_fault(fault: Any, values: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        message = fault["msg"].removeprefix("Value error, ")
        given = "" if isinstance(fault["input"], dict) else f" (got {fault['input']!r})"
        return f"{name}: {message}{given}"
    near = get_close_matches(name, _known_names(Parameters), n=3, cutoff=0.5)
    return f"{name}: unknown parameter" + (f"; did you mean {', '.join(near)}?" if near else "")


def _known_names(section: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for field, info in section.model_fields.items():
        names.append(prefix + field)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names += _known_names(info.annotation, f"{prefix}{field}.")
    return names
