"""A model that this project did not train becomes a detector, still to be evaluated."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from face_forgery.modeling.adopting.onnx_file import adopt_onnx_file
from face_forgery.modeling.adopting.timm_checkpoint import adopt_timm_checkpoint, adopt_timm_folder
from face_forgery.modeling.adopting.torchvision_checkpoint import (
    PREFIX,
    adopt_torchvision_checkpoint,
)
from face_forgery.modeling.adopting.transformers_folder import (
    CONFIG,
    adopt_transformers_folder,
    check_config,
)
from face_forgery.modeling.detector import BackboneError, Detector
from face_forgery.modeling.provenance import trained_elsewhere
from face_forgery.modeling.weights import check_file
from face_forgery.params import AdoptParams


def adopt_model(adopt: AdoptParams, **facts: Any) -> Detector:
    """Return the detector of the model that ``adopt`` names; ``facts`` are further fields of it.

    Nothing in the model's files is executed, and nothing is fetched.

    Raises:
        BackboneError: If there is no such model, it cannot be taken over as it is, or something
            about it is neither said by its files nor by ``adopt``.
    """
    if adopt.model is None:
        raise BackboneError("adopt.model names no model; name a file or a folder: adopt.model=FILE")
    path = Path(adopt.model)
    letters = path.name or path.resolve().name
    name = "".join(letter if letter.isprintable() else "?" for letter in letters)
    return replace(
        _read(path, adopt),
        training_data=trained_elsewhere(name),
        training={"adopt": adopt.model_dump(mode="json")},
        **facts,
    )


def _read(path: Path, adopt: AdoptParams) -> Detector:
    is_folder = (path / CONFIG).is_file()
    if is_folder or path.suffix.lower() == ".onnx":
        _refuse_unused(path, adopt)
    if is_folder:
        config = check_config(path)
        if isinstance(config.get("pretrained_cfg"), dict):
            return adopt_timm_folder(path, config, adopt)
        return adopt_transformers_folder(path, config, adopt)
    check_file(path, parameter="adopt.model")
    if path.suffix.lower() == ".onnx":
        return adopt_onnx_file(path, adopt)
    if adopt.architecture is None:
        raise BackboneError(
            f"adopt.model={str(path)!r} is a file of weights, which does not say what network they "
            "are of; give adopt.architecture, a timm name or torchvision/NAME"
        )
    if adopt.architecture.startswith(PREFIX):
        return adopt_torchvision_checkpoint(path, adopt.architecture, adopt)
    return adopt_timm_checkpoint(path, adopt.architecture, adopt)


def _refuse_unused(path: Path, adopt: AdoptParams) -> None:
    given = {"adopt.architecture": adopt.architecture, "adopt.options": adopt.options}
    if unused := [f"{name}={value}" for name, value in given.items() if value]:
        raise BackboneError(
            f"{', '.join(unused)} has no effect: adopt.model={str(path)!r} says itself what "
            "network it is; leave it out"
        )
