"""A detector as files that other projects can open.

``config.json`` and ``model.safetensors`` are timm's own hub layout: with nothing but timm,
``timm.create_model("local-dir:FOLDER", pretrained=True)`` gives the backbone. ``meta.json`` holds
what timm has no place for, and the checksums of the other files: beside those two the face
detector, where images are cut to their faces, and an int8 network in OpenVINO's format. An ensemble
is a ``meta.json`` beside a folder ``members`` with such a folder for each. An adopted model that is
none of timm's has ``network.xml`` and ``network.bin``, in OpenVINO's format, in place of those two.
A truncated backbone (``truncate_after``) is none that timm can build: there loading by timm fails,
for want of the upper layers.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load, save_file

from face_forgery.limits import MAX_MEMBERS, MAX_UNSEEN_WEIGHTS
from face_forgery.modeling.detector import (
    TTA_IMAGES,
    BackboneError,
    Detector,
    DetectorError,
    OperatingPoints,
    Preprocessing,
    StoredGraph,
)
from face_forgery.modeling.detector_files import (
    APPEARANCE,
    CONFIG,
    FACE_MODEL,
    GRAPH,
    MEMBERS,
    META,
    QUANTIZED,
    TRAIN_AGAIN,
    WEIGHTS,
    hash_content,
    read_checked,
    read_file,
    write_json,
)
from face_forgery.modeling.ensemble import Ensemble, check_same_image, in_float32
from face_forgery.modeling.familiarity import AppearanceModel, Familiarity
from face_forgery.modeling.options import check_options, is_deep
from face_forgery.modeling.provenance import TrainingData
from face_forgery.modeling.timm_layout import timm_config
from face_forgery.params import RESERVED_OPTIONS, FacesParams, Precision, TTAName

FORMAT = 3
_PREVIOUS_FORMAT = 2  # with views and cut_after for tta and truncate_after


class _Meta(BaseModel):
    """What ``meta.json`` holds; the order is that of the file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[3]
    network: Literal["timm", "openvino"] = "timm"
    architecture: str
    options: dict[str, Any]
    preprocessing: Preprocessing
    faces: FacesParams | None = None
    epoch: int = Field(ge=0)
    data_fingerprint: str
    training_data: TrainingData | None = None  # older releases recorded none
    code_version: dict[str, Any]
    temperature: float = Field(gt=0, allow_inf_nan=False)
    operating_points: OperatingPoints | None
    precision: Precision = "float32"
    input: str = "rgb"
    truncate_after: str | None = None
    tta: TTAName = "none"
    familiarity: Familiarity | None = None  # older releases had none
    metrics: dict[str, Any] | None
    training: dict[str, Any]
    sha256: dict[str, str]

    @field_validator("options")
    @classmethod
    def _options_are_harmless(cls, options: dict[str, Any]) -> dict[str, Any]:
        if reserved := sorted(RESERVED_OPTIONS & set(options)):
            raise ValueError(f"must not hold {reserved}, which would fetch or open other weights")
        check_options(options)
        return options

    @model_validator(mode="after")
    def _a_graph_is_computed_as_it_is(self) -> Self:
        if self.network == "openvino" and (self.precision, self.tta) != ("float32", "none"):
            raise ValueError("network=openvino goes with precision=float32 and tta=none")
        return self

    def graph_files(self) -> tuple[str, ...]:
        """Return the names of the stored graph and of its weights, if there are any."""
        if self.network == "openvino":
            return GRAPH
        return QUANTIZED if self.precision == "int8" else ()


class _Member(BaseModel):
    """A detector of an ensemble, for who reads ``meta.json``; its own folder says the rest."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(pattern=r"^members/[A-Za-z0-9._-]*[A-Za-z0-9_-]$")
    architecture: str
    identity: str


class _EnsembleMeta(BaseModel):
    """What ``meta.json`` of an ensemble holds; the order is that of the file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[3]
    score: Literal["mean of the probabilities of the members"]
    ensemble: list[_Member] = Field(min_length=1, max_length=MAX_MEMBERS)
    data_fingerprint: str
    training_data: TrainingData | None = None
    code_version: dict[str, Any]
    temperature: float = Field(gt=0, allow_inf_nan=False)
    operating_points: OperatingPoints | None
    familiarity: Familiarity | None = None
    metrics: dict[str, Any] | None
    training: dict[str, Any]
    architecture: str
    preprocessing: Preprocessing
    sha256: dict[str, str]  # of each member's meta.json, which has those of its files

    @field_validator("ensemble")
    @classmethod
    def _members_differ(cls, members: list[_Member]) -> list[_Member]:
        names, identities = {m.folder for m in members}, {m.identity for m in members}
        if min(len(names), len(identities)) < len(members):
            raise ValueError("names a member twice")
        return members


def write_detector(detector: Detector, folder: Path) -> None:
    """Write ``detector`` into ``folder``, which must exist and be empty.

    Raises:
        DetectorError: If the weights do not fit the architecture.
        ValueError: If a metric is NaN or infinite, or an option cannot be written as JSON.
    """
    if isinstance(detector, Ensemble):
        _write_ensemble(detector, folder)
        return
    names = [] if detector.network == "openvino" else _write_weights(detector, folder)
    if detector.face_model is not None:
        (folder / FACE_MODEL).write_bytes(detector.face_model)
        names.append(FACE_MODEL)
    if detector.graph is not None:
        files = GRAPH if detector.network == "openvino" else QUANTIZED
        for name, content in zip(files, detector.graph, strict=True):
            (folder / name).write_bytes(content)
            names.append(name)
    names += _write_appearance(detector, folder)
    _write_meta(_Meta, detector, names, folder)


def _write_weights(detector: Detector, folder: Path) -> list[str]:
    """Write what timm opens; return the names of its files."""
    network = in_float32(detector).build_plain_network()
    state = network.backbone.state_dict()
    # Tensors in channels-last order, or sharing memory, are nothing that the format can hold.
    weights = {name: value.contiguous().clone() for name, value in state.items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(timm_config(detector, network), folder / CONFIG)
    return [CONFIG, WEIGHTS]


def _write_appearance(detector: Detector, folder: Path) -> list[str]:
    """Write what an image is compared with, if there is any; return the names of its files."""
    if detector.appearance is None:
        return []
    arrays = detector.appearance._asdict()
    save_arrays(
        {name: np.ascontiguousarray(one) for name, one in arrays.items()}, folder / APPEARANCE
    )
    return [APPEARANCE]


def _write_ensemble(ensemble: Ensemble, folder: Path) -> None:
    members = []
    for number, member in enumerate(ensemble.members, start=1):
        name = f"{MEMBERS}/{number}_{member.architecture.replace('/', '_')}"
        (folder / name).mkdir(parents=True)
        write_detector(member, folder / name)
        described = {"architecture": member.architecture, "identity": member.identity()}
        members.append({"folder": name, **described})
    files = [f"{member['folder']}/{META}" for member in members]
    files += _write_appearance(ensemble, folder)
    score = "mean of the probabilities of the members"
    _write_meta(_EnsembleMeta, ensemble, files, folder, score=score, ensemble=members)


def _write_meta(
    kind: type[BaseModel], detector: Detector, files: list[str], folder: Path, **more: Any
) -> None:
    meta = {
        "format": FORMAT,
        **more,
        **{name: getattr(detector, name) for name in kind.model_fields if hasattr(detector, name)},
        "sha256": {name: hash_content((folder / name).read_bytes()) for name in files},
    }
    write_json(kind.model_validate(meta).model_dump(), folder / META)


def read_detector(folder: Path) -> Detector:
    """Read what ``write_detector`` wrote. Nothing in the files is executed.

    Raises:
        DetectorError: If a file is missing, damaged, foreign, or of another format; the message
            names the file and the remedy.
    """
    meta = read_meta(folder)
    if isinstance(meta, _EnsembleMeta):
        return _read_ensemble(meta, folder)
    return _read_single(meta, folder)


def _read_single(meta: _Meta, folder: Path) -> Detector:
    own = [] if meta.network == "openvino" else [CONFIG, WEIGHTS]
    for name in {WEIGHTS, QUANTIZED[1]} & {*own, *meta.graph_files()}:
        _check_size(folder / name, meta)
    names = [*own, *([] if meta.faces is None else [FACE_MODEL]), *meta.graph_files()]
    contents = {name: read_checked(folder, name, meta.sha256) for name in names}
    graph = [contents[name] for name in meta.graph_files()]
    return Detector(
        weights=_load_weights(contents[WEIGHTS], folder) if own else {},
        face_model=contents.get(FACE_MODEL),
        graph=StoredGraph(*graph) if graph else None,
        appearance=_read_appearance(meta, folder),
        **_fields_of(meta),
    )


def _load_weights(content: bytes, folder: Path) -> dict[str, Any]:
    try:
        weights: dict[str, Any] = load(content)
    except (SafetensorError, KeyError) as error:  # KeyError: a type of numbers that torch lacks
        raise DetectorError(
            f"{folder / WEIGHTS}: not a safetensors file ({error}); other kinds of weights are "
            f"never opened; {TRAIN_AGAIN}"
        ) from error
    return weights


def _read_appearance(meta: _Meta | _EnsembleMeta, folder: Path) -> AppearanceModel | None:
    if meta.familiarity is None:
        return None
    content = read_checked(folder, APPEARANCE, meta.sha256)
    try:
        return AppearanceModel.checked(**load_arrays(content))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DetectorError(
            f"{folder / APPEARANCE}: not what images are compared with ({error}); {TRAIN_AGAIN}"
        ) from error


def _check_size(path: Path, meta: _Meta) -> None:
    """Refuse weights that are far larger than their network: a sparse file is sent for nothing."""
    size = path.stat().st_size if path.is_file() else 0
    if size <= MAX_UNSEEN_WEIGHTS:
        return
    from face_forgery.modeling.factory import plan_backbone

    try:
        plan = plan_backbone(Detector(weights={}, **_fields_of(meta)))
    except BackboneError as error:
        raise DetectorError(f"{path.parent / META}: {error}; {TRAIN_AGAIN}") from error
    most = MAX_UNSEEN_WEIGHTS + sum(8 * one.numel() for one in plan.state_dict().values())
    if size > most:
        raise DetectorError(
            f"{path}: its {size:,} bytes are more than the {most:,} that {meta.architecture} with "
            f"its options may have; {TRAIN_AGAIN}"
        )


def _read_ensemble(meta: _EnsembleMeta, folder: Path) -> Ensemble:
    for member in meta.ensemble:
        read_checked(folder, f"{member.folder}/{META}", meta.sha256)
    named = {str(folder / one.folder): _read_member(one, folder) for one in meta.ensemble}
    check_same_image(named)
    members = tuple(named.values())
    first = members[0]  # faces are the same of all
    same: dict[str, Any] = {"faces": first.faces, "face_model": first.face_model}
    same["appearance"] = _read_appearance(meta, folder)
    return Ensemble(options={}, weights={}, epoch=0, members=members, **same, **_fields_of(meta))


def _fields_of(meta: BaseModel) -> dict[str, Any]:
    """Return the fields of `Detector` that a description holds."""
    known = {field.name for field in fields(Detector)}
    return {name: value for name, value in meta if name in known}


def _read_member(member: _Member, folder: Path) -> Detector:
    meta = read_meta(folder / member.folder)
    if isinstance(meta, _EnsembleMeta):
        raise DetectorError(
            f"{folder / member.folder}: an ensemble cannot be the member of one; {TRAIN_AGAIN}"
        )
    detector = _read_single(meta, folder / member.folder)
    if detector.identity() != member.identity:
        raise DetectorError(
            f"{folder / member.folder}: this is not the member that {META} of the ensemble names "
            f"(identity {detector.identity()}, expected {member.identity}); {TRAIN_AGAIN}"
        )
    return detector


def read_meta(folder: Path) -> _Meta | _EnsembleMeta:
    """Read ``meta.json`` alone: everything but the weights. Raises as ``read_detector``."""
    path = folder / META
    if not folder.is_dir():
        raise DetectorError(
            f"{folder}: there is no detector yet; train one (pipelines training and evaluation, "
            "after ingestion and splitting)"
        )
    content = read_file(path)
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DetectorError(f"{path}: not JSON ({error}); {TRAIN_AGAIN}") from error
    if not isinstance(values, dict) or "format" not in values or is_deep(values):
        raise DetectorError(f"{path}: not a description of a detector; {TRAIN_AGAIN}")
    if values["format"] == _PREVIOUS_FORMAT:
        values = _upgrade(values, path)
    if values["format"] != FORMAT:
        raise DetectorError(
            f"{path}: format {values['format']!r} is unknown, this version of face_forgery reads "
            f"format {FORMAT}; install the version that wrote it ("
            f"{values.get('code_version')}), or {TRAIN_AGAIN}"
        )
    try:
        model = _EnsembleMeta if "ensemble" in values else _Meta
        return model.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:3]
        )
        raise DetectorError(
            f"{path}: {error.error_count()} fault(s): {faults}; {TRAIN_AGAIN}"
        ) from error


def _upgrade(values: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a description of the format before in the words of this one."""
    values = values | {"format": FORMAT}
    if "ensemble" in values:
        return values
    if "cut_after" in values:
        values["truncate_after"] = values.pop("cut_after")
    views = values.pop("views", ["whole"])
    for tta, images in TTA_IMAGES.items():
        if isinstance(views, list) and sorted(map(str, views)) == sorted(images):
            return values | {"tta": tta}
    raise DetectorError(
        f"{path}: its score is the mean over views={views}, and this version of face_forgery knows "
        f"only {', '.join(TTA_IMAGES)} of scoring.tta; install the version that wrote it ("
        f"{values.get('code_version')}), or {TRAIN_AGAIN}"
    )
