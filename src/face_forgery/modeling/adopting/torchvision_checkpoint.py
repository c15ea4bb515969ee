"""A checkpoint of a torchvision classifier: its graph becomes a detector."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from face_forgery.modeling.adopting.facts import choose_fake, complete_preprocessing
from face_forgery.modeling.adopting.graph import adopt_module
from face_forgery.modeling.detector import BackboneError, Detector
from face_forgery.modeling.factory import describe_differences
from face_forgery.modeling.weights import first_line, read_weights
from face_forgery.params import AdoptParams

PREFIX = "torchvision/"
_NEAR = 3
_USUAL = {  # of torchvision's own weights
    "image_size": 224,
    "interpolation": "bilinear",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


def adopt_torchvision_checkpoint(path: Path, architecture: str, adopt: AdoptParams) -> Detector:
    """Return the detector of a file of weights; ``architecture`` is ``torchvision/NAME``.

    Raises:
        BackboneError: If torchvision has no such classifier, the file cannot be read or does not
            fit it, or if something is not said.
    """
    name = _find_classifier(architecture)
    preprocessing = complete_preprocessing(adopt, {}, usual=_USUAL)
    with torch.device("meta"):
        own = _build(name, adopt, 2).state_dict()
    weights = read_weights(path, own, parameter="adopt.model")
    num_logits = _count_logits(weights, own)
    network = _build(name, adopt, num_logits)
    own = network.state_dict()
    if told := describe_differences(weights, own):
        raise BackboneError(
            f"adopt.model={str(path)!r} does not fit adopt.architecture={architecture!r} with "
            f"adopt.options={adopt.options}: {told}"
        )
    network.load_state_dict(weights)
    fake = choose_fake(adopt, num_logits)
    return adopt_module(network, PREFIX + name, preprocessing, fake)


def _find_classifier(architecture: str) -> str:
    from torchvision import models

    name, known = architecture.removeprefix(PREFIX), models.list_models(module=models)
    if name not in known:
        near = get_close_matches(name.lower(), known, n=_NEAR, cutoff=0.4)
        hint = f"; did you mean {', '.join(PREFIX + one for one in near)}?" if near else ""
        raise BackboneError(
            f"adopt.architecture={architecture!r} is no classifier of torchvision{hint}"
        )
    return name


def _build(name: str, adopt: AdoptParams, num_logits: int) -> nn.Module:
    from torchvision import models

    try:
        network: nn.Module = models.get_model(
            name, weights=None, num_classes=num_logits, **adopt.options
        )
    except (TypeError, ValueError, RuntimeError, AssertionError, KeyError) as error:
        raise BackboneError(
            f"adopt.architecture={PREFIX + name!r} does not take adopt.options={adopt.options}: "
            f"{first_line(error)}"
        ) from error
    return network


def _count_logits(weights: Mapping[str, Tensor], own: Mapping[str, Any]) -> int:
    """Return how many logits the head has: the last weight of the network that has two rows."""
    heads = [name for name, one in own.items() if one.ndim and one.shape[0] == 2]
    if not heads or heads[-1] not in weights:
        name = heads[-1] if heads else "a head"
        raise BackboneError(
            f"the file of adopt.model has no head: {name} is not among its {len(weights)} "
            "tensors. A backbone alone is no detector"
        )
    return len(weights[heads[-1]])
