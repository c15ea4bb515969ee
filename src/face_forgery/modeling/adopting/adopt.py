"""A model that this project did not train becomes a detector, still to be evaluated."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from face_forgery.modeling.adopting.timm_checkpoint import adopt_timm_checkpoint
from face_forgery.modeling.detector import BackboneError, Detector
from face_forgery.modeling.provenance import trained_elsewhere
from face_forgery.modeling.weights import check_file
from face_forgery.params import AdoptParams

logger = logging.getLogger(__name__)


def adopt_model(adopt: AdoptParams, **facts: Any) -> Detector:
    """Return the detector of the model that ``adopt`` names; ``facts`` are further fields of it.

    Nothing in the model's files is executed, and nothing is fetched.

    Raises:
        BackboneError: If there is no such model, it cannot be taken over as it is, or something
            about it is neither said by its files nor by ``adopt``.
    """
    if adopt.model is None:
        raise BackboneError("adopt.model names no model; name a file or a folder: adopt.model=FILE")
    detector = _read(Path(adopt.model), adopt)
    logger.warning(
        "What %s was trained on is unknown, so nobody can tell whether it has seen the images that "
        "it is calibrated and measured on; if it has, it looks better than it is",
        adopt.model,
    )
    return replace(
        detector,
        training_data=trained_elsewhere(_name_of(Path(adopt.model))),
        training={"adopt": adopt.model_dump(mode="json")},
        **facts,
    )


def _read(path: Path, adopt: AdoptParams) -> Detector:
    check_file(path, parameter="adopt.model")
    if adopt.architecture is None:
        raise BackboneError(
            f"adopt.model={str(path)!r} is a file of weights, which does not say what network they "
            "are of; give adopt.architecture, a timm name"
        )
    return adopt_timm_checkpoint(path, adopt.architecture, adopt)


def _name_of(path: Path) -> str:
    name = path.name or path.resolve().name
    return "".join(letter if letter.isprintable() else "?" for letter in name)
