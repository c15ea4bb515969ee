"""A checkpoint of a timm model, with its head: an ordinary detector."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from face_forgery.modeling.adopting.facts import choose_fake, complete_preprocessing
from face_forgery.modeling.detector import BackboneError, Detector
from face_forgery.modeling.factory import (
    describe_differences,
    find_backbone,
    first_cause,
    plan_backbone,
)
from face_forgery.modeling.inputs import NUM_COLORS
from face_forgery.modeling.network import heads_of
from face_forgery.modeling.options import check_options
from face_forgery.modeling.weights import first_line, read_weights
from face_forgery.params import AdoptParams

logger = logging.getLogger(__name__)

_PARAMETER = "adopt.model"
_EXAMPLES_SHOWN = 3


def adopt_timm_folder(folder: Path, config: dict[str, Any], adopt: AdoptParams) -> Detector:
    """Return the detector of a folder in timm's hub layout; raises as `adopt_timm_checkpoint`.

    ``config`` is the content of its ``config.json``.
    """
    told, options = config["pretrained_cfg"], dict(config.get("model_args") or {})
    options.pop("num_classes", None)  # the head says it
    if options.get("in_chans") == NUM_COLORS:
        del options["in_chans"]
    try:
        said = AdoptParams.model_validate({**adopt.model_dump(), "options": options})
        check_options(options)
    except ValueError as error:
        raise BackboneError(f"{folder}/config.json: {first_line(error)}") from error
    own = {name: told.get(name) for name in ("interpolation", "mean", "std")}
    own["image_size"] = (told.get("input_size") or (None,))[-1]
    if told.get("crop_mode") != "squash" and (told.get("crop_pct") or 1) < 1:
        logger.warning(
            "%s: timm enlarges images by 1/%g and keeps the center; here they are resized as a "
            "whole to %s pixels, so scores differ from those that timm's transform leads to",
            folder,
            told["crop_pct"],
            own["image_size"],
        )
    labels = [str(label) for label in config.get("label_names") or ()]
    return adopt_timm_checkpoint(
        folder / "model.safetensors", str(config.get("architecture")), said, own, labels
    )


def adopt_timm_checkpoint(
    path: Path,
    architecture: str,
    adopt: AdoptParams,
    own_preprocessing: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
) -> Detector:
    """Return the detector of a file of weights; the scores are those of the model in it.

    ``own_preprocessing`` and ``labels`` are what is said beside it.

    Raises:
        BackboneError: If the file cannot be read, does not fit the architecture or has no head of
            one or two logits, or if something is not said.
    """
    name = find_backbone(architecture, "adopt.architecture")
    preprocessing = complete_preprocessing(adopt, own_preprocessing or {}, usual=_usual_of(name))
    empty = Detector(name, adopt.options, {}, preprocessing, epoch=0)
    try:
        plan = plan_backbone(empty)
    except BackboneError as error:
        raise BackboneError(
            f"adopt.architecture={architecture!r} cannot be built with adopt.options="
            f"{adopt.options} for {preprocessing.image_size} pixels: {first_cause(error)}"
        ) from error
    own = plan.state_dict()
    weights = read_weights(path, own, parameter=_PARAMETER)
    heads = heads_of(plan)
    for head in (name for name, layer in plan.named_modules() if layer in heads):
        weights |= _two_logits(weights, head, adopt, labels)
    if told := describe_differences(weights, own):
        raise BackboneError(
            f"{_PARAMETER}={str(path)!r} does not fit adopt.architecture={name!r} with "
            f"adopt.options={adopt.options} at {preprocessing.image_size} pixels: {told}"
        )
    return Detector(
        name,
        adopt.options,
        {key: value.to(own[key].dtype).contiguous() for key, value in weights.items()},
        preprocessing,
        epoch=0,
    )


def _usual_of(name: str) -> dict[str, Any]:
    """Return what images go through before timm's own weights."""
    config = timm.get_pretrained_cfg(name)
    usual = {} if config is None else config.to_dict()
    return usual | {"image_size": (usual.get("input_size") or (None,))[-1]}


def _two_logits(
    weights: Mapping[str, Tensor], head: str, adopt: AdoptParams, labels: Sequence[str]
) -> dict[str, Tensor]:
    """Return the weights of a head whose logits are those of real and of fake, in this order.

    A single logit z becomes (0, z), or (z, 0) where its high side means real; two are exchanged
    where the first means fake. The scores are the same, exactly.
    """
    found = {key: weights[key] for key in (f"{head}.weight", f"{head}.bias") if key in weights}
    if f"{head}.weight" not in found:
        shown = ", ".join(list(weights)[-_EXAMPLES_SHOWN:])
        raise BackboneError(
            f"{_PARAMETER}={adopt.model!r} has no head: {head}.weight is not among its "
            f"{len(weights)} tensors, the last of which are {shown}. A backbone alone is no "
            "detector; train one from it: kedro run --params model.weights=FILE"
        )
    num_logits = len(found[f"{head}.weight"])
    if num_logits > 2:
        raise BackboneError(
            f"{_PARAMETER}={adopt.model!r} tells {num_logits} classes apart, and a detector has "
            "two logits; give it as an ONNX file, of which adopt.fake may name several logits"
        )
    is_second = choose_fake(adopt, num_logits, labels) == (1,)
    if num_logits == 2:
        return {key: rows if is_second else rows.flip(0) for key, rows in found.items()}
    return {
        key: torch.cat([torch.zeros_like(row), row] if is_second else [row, torch.zeros_like(row)])
        for key, row in found.items()
    }
