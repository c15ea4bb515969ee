"""The detector: everything that scoring an image needs, as one value. Importing this is cheap."""

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import TypeAdapter

from face_forgery.data.redaction import one_line
from face_forgery.limits import MAX_IMAGE_SIDE
from face_forgery.modeling.familiarity import AppearanceModel, Familiarity
from face_forgery.modeling.provenance import TrainingData
from face_forgery.params import FacesParams, Precision, PromiseName, TTAName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from face_forgery.modeling.network import DetectorNetwork

CLASS_NAMES = ("real", "fake")  # by logit: target 0, target 1
# What the mean of a score is over; the order is that of the sum, and part of a detector's identity.
TTA_IMAGES: dict[TTAName, tuple[str, ...]] = {
    "none": ("whole",),
    "flip": ("flipped", "whole"),
    "crop": ("closer", "whole"),
    "flip_crop": ("closer", "closer_flipped", "flipped", "whole"),
}
_EXAMPLES_SHOWN = 3
_QUOTED = 500  # characters of torch's list of all that does not fit


class DetectorError(ValueError):
    """A detector that cannot be used; the message says what is wrong, where, and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))  # it quotes files of strangers


class BackboneError(ValueError):
    """The section ``model`` asks for a network or weights that cannot be had."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))  # it quotes files of strangers


def _are_finite(values: tuple[float, ...]) -> bool:
    return len(values) == 3 and all(math.isfinite(value) for value in values)


@dataclass(frozen=True)
class Preprocessing:
    """What every image goes through before the backbone."""

    image_size: int  # pixels; the network's square input
    interpolation: str  # bilinear or bicubic
    mean: tuple[float, ...]  # of the channels red, green, blue, in [0, 1]
    std: tuple[float, ...]
    # A JPEG is decoded at 1/2, 1/4 or 1/8 where that is no smaller than image_size.
    scaled_decoding: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what no image can go through: a file may say anything."""
        faults = {
            f"image_size={self.image_size} is not in 1 to {MAX_IMAGE_SIDE}": not (
                1 <= self.image_size <= MAX_IMAGE_SIDE
            ),
            f"interpolation={self.interpolation!r} is not bilinear or bicubic": self.interpolation
            not in ("bilinear", "bicubic"),
            f"mean={self.mean} is not three finite numbers": not _are_finite(self.mean),
            f"std={self.std} is not three positive numbers": not (
                _are_finite(self.std) and min(self.std) > 0
            ),
        }
        if found := [fault for fault, is_there in faults.items() if is_there]:
            raise ValueError("; ".join(found))


@dataclass(frozen=True)
class Proportion:
    """A measured proportion in [0, 1] with its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SourceRate:
    """False alarms among the real images of one source."""

    name: str
    num_real_chosen_on: int
    promised_fpr: float | None  # None: nothing is promised for it alone
    num_real: int
    fpr: Proportion | None  # None: no real image to measure it on


@dataclass(frozen=True)
class OtherChoice:
    """What the threshold would have been without a promise for every source."""

    fake_threshold: float
    fpr: Proportion
    tpr: Proportion


@dataclass(frozen=True)
class OperatingPoints:
    """Where scores become verdicts, what that promises, and what was measured there.

    ``score >= fake_threshold`` is fake, ``score < real_threshold`` real, between them unsure.
    """

    real_threshold: float
    fake_threshold: float
    target_fpr: float  # proportion of real images that may be called fake
    target_fnr: float  # proportion of forgeries that may be called real
    promised_fpr: float  # bound on what to expect, from the images the thresholds come from
    promised_fnr: float
    num_real_chosen_on: int
    num_fake_chosen_on: int
    is_verified: bool  # the rest was measured on other images than the thresholds come from
    num_real: int
    num_fake: int
    fpr: Proportion  # of real images called fake
    tpr: Proportion  # of forgeries called fake
    fnr: Proportion  # of forgeries called real
    unsure_real: Proportion
    unsure_fake: Proportion
    coverage: Proportion  # of all images not given the wrong verdict
    promise: PromiseName = "overall"
    by_source: list[SourceRate] = field(default_factory=list)  # none: of an earlier release
    overall: OtherChoice | None = None  # with every_source

    def __post_init__(self) -> None:
        """Refuse thresholds that give an image two verdicts or none."""
        # A threshold just above 1 is one that no score reaches.
        if not 0.0 <= self.real_threshold <= self.fake_threshold <= math.nextafter(1.0, 2.0):
            raise ValueError(
                f"real_threshold={self.real_threshold} and fake_threshold={self.fake_threshold} "
                "are not ascending within 0 to 1"
            )

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> "OperatingPoints":
        """Return what ``dataclasses.asdict`` made a mapping of.

        Raises:
            pydantic.ValidationError: If a field is missing, unknown or of the wrong type.
        """
        return TypeAdapter(cls).validate_python(values)


class StoredGraph(NamedTuple):
    """A network as OpenVINO stores it, uncalibrated: uint8 ``(B, 3, S, S)`` to two logits."""

    xml: bytes
    weights: bytes


@dataclass(frozen=True, eq=False)
class Detector:
    """A trained network as plain values: what is stored, certified and used."""

    architecture: str  # a timm model name, or what an adopted model is
    options: dict[str, Any]  # further arguments of timm.create_model
    weights: dict[str, Any] = field(repr=False)  # of the timm backbone, tensors on the CPU
    preprocessing: Preprocessing
    epoch: int  # whose weights were chosen, from 1
    data_fingerprint: str = ""  # of the manifests it was trained and selected with
    code_version: dict[str, Any] = field(default_factory=dict)  # and libraries
    training: dict[str, Any] = field(default_factory=dict, repr=False)  # parameters, by section
    metrics: dict[str, Any] | None = field(default=None, repr=False)  # None before evaluation
    temperature: float = 1.0  # what logits are divided by, so that scores mean probabilities
    operating_points: OperatingPoints | None = None  # None before evaluation
    # Of scores, wherever it is used: temperature and operating points were measured so.
    precision: Precision = "float32"
    graph: StoredGraph | None = field(default=None, repr=False)  # of int8, or without weights
    input: str = "rgb"  # the colors alone, or further channels as well (modeling/inputs.py)
    truncate_after: str | None = None  # the last block (modeling/truncation.py); None: timm's
    tta: TTAName = "none"
    faces: FacesParams | None = None  # how face crops are made; None: images are taken whole
    face_model: bytes | None = field(default=None, repr=False)  # ONNX, exactly where faces is
    training_data: TrainingData | None = field(default=None, repr=False)  # None: not recorded
    familiarity: Familiarity | None = None  # None: no image is unfamiliar
    appearance: AppearanceModel | None = field(default=None, repr=False)  # exactly with familiarity

    @property
    def network(self) -> Literal["timm", "openvino"]:
        """What its network is built by: timm, or OpenVINO alone, of a graph without weights."""
        return "timm" if self.graph is None or self.weights else "openvino"

    @property
    def was_trained_elsewhere(self) -> bool:
        """Whether nobody here knows what it learnt from, and so which images it has seen."""
        return self.training_data is not None and not self.training_data.is_known

    def identity(self) -> str:
        """Return 16 hexadecimal digits that follow from what scores follow from.

        Whatever was measured since: it says whether a result on disk is about this detector.
        """
        import torch

        options = json.dumps(self.options, sort_keys=True, default=str)
        described = f"{self.architecture} {options} {self.preprocessing} {self.temperature!r}"
        if self.precision != "float32":
            described += f" {self.precision}"
        if self.input != "rgb":
            described += f" {self.input}"
        if self.truncate_after is not None:  # in the words of format 2: identities stay
            described += f" cut after {self.truncate_after}"
        if self.tta != "none":
            described += f" {list(TTA_IMAGES[self.tta])}"
        if self.preprocessing.scaled_decoding:
            described += " scaled_decoding"
        digest = hashlib.sha256(described.encode())
        for content in self.graph or ():
            digest.update(content)
        if self.faces is not None and self.face_model is not None:
            digest.update(self.faces.identify().encode())
            digest.update(self.face_model)
        for name, value in sorted(self.weights.items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()[:16]

    @property
    def num_passes(self) -> int:
        """How many forward passes the score of an image takes."""
        return len(TTA_IMAGES[self.tta])

    def count_parameters(self) -> int:
        """Return how many weights it has, its members together, but not the face detector's."""
        if self.network == "openvino":
            from face_forgery.modeling.engines.stored_graph import count_constants

            return count_constants(self)
        from face_forgery.modeling.network import count_parameters

        return count_parameters(self.build_network())

    def scored_by(self, precision: Precision, tta: TTAName) -> "Detector":
        """Return the detector with scores that are computed so from now on.

        Raises:
            DetectorError: If its network is a graph, which is scored as it is.
        """
        graph = self.graph if self.network == "openvino" else None
        if graph is not None and (precision, tta) != ("float32", "none"):
            raise DetectorError(
                f"scoring.precision={precision}, scoring.tta={tta}: {self.architecture} is stored "
                "as OpenVINO's graph, which is computed as it is; set scoring.precision=float32 "
                "and scoring.tta=none"
            )
        scored = replace(self, precision=precision, tta=tta, graph=graph)
        return replace(scored, familiarity=None, appearance=None)

    def build_network(self) -> "nn.Module":
        """Return what scores, on the CPU: uint8 ``(B, 3, S, S)`` to logits ``(B, 2)``.

        Of a detector in int8 it is the network in float32 that it was quantized from.

        Raises:
            DetectorError: If the weights do not fit the architecture.
        """
        network = self.build_plain_network()
        if self.tta == "none":
            return network
        from face_forgery.modeling.network import TTANetwork

        return TTANetwork(network, TTA_IMAGES[self.tta]).eval()

    def build_plain_network(self) -> "DetectorNetwork":
        """Return the network without TTA; raises and is as `build_network`."""
        if self.network == "openvino":
            raise DetectorError(
                f"{self.architecture} is stored as OpenVINO's graph, which torch cannot build; for "
                "training, files of timm or ONNX, or a smaller precision, use the model itself"
            )
        from face_forgery.modeling.factory import build_blank_network, plan_backbone

        try:
            self._load_into(plan_backbone(self), assign=True)  # takes no memory, whatever it is
            network = build_blank_network(self)
        except BackboneError as error:
            raise DetectorError(
                f"this detector was made for another version of timm, or its meta.json is damaged: "
                f"{error}. Install the versions that it names (code_version), or train again "
                "(pipelines training and evaluation)"
            ) from error
        self._load_into(network.backbone)
        network.eval()
        if self.precision == "bfloat16":
            network.compute_in_bfloat16()
        return network

    def _load_into(self, backbone: "nn.Module", *, assign: bool = False) -> None:
        self._check_types(backbone.state_dict())
        try:
            backbone.load_state_dict(self.weights, strict=True, assign=assign)
        except RuntimeError as error:
            raise DetectorError(
                f"the weights of this detector do not fit {self.architecture} with options "
                f"{self.options}: {str(error)[:_QUOTED]}. Train again (pipelines training and "
                "evaluation)"
            ) from error

    def _check_types(self, expected: "Mapping[str, Tensor]") -> None:
        """Refuse numbers of another kind, which loading would convert."""
        wrong = [
            f"{name} ({self.weights[name].dtype})"
            for name, own in expected.items()
            if name in self.weights
            and self.weights[name].is_floating_point() != own.is_floating_point()
        ]
        if wrong:
            raise DetectorError(
                f"{len(wrong)} of {len(expected)} weights of this detector are numbers of another "
                f"kind than {self.architecture} has: {', '.join(wrong[:_EXAMPLES_SHOWN])}. Train "
                "again (pipelines training and evaluation)"
            )


def check_budget(count: int, limit: int | None, *, what: str) -> None:
    """Raise `BackboneError` where ``what`` has more weights than ``limit``; ``None``: no limit."""
    if limit is not None and count > limit:
        raise BackboneError(
            f"{what} has {count:,} parameters, {count - limit:,} more than "
            f"model.max_parameters={limit:,}; choose something smaller or raise the limit"
        )
