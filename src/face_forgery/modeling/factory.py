"""Networks by name: the only caller of timm."""

import itertools
import logging
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from threading import get_ident
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook

from face_forgery.limits import MAX_LAYERS, MAX_LAYERS_A_WEIGHT
from face_forgery.modeling.cost import NoLargeTensor, check_cost
from face_forgery.modeling.detector import BackboneError, Detector, Preprocessing, check_budget
from face_forgery.modeling.inputs import NUM_COLORS, extra_channels
from face_forgery.modeling.network import NUM_CLASSES, DetectorNetwork, count_parameters, heads_of
from face_forgery.modeling.truncation import truncate_backbone
from face_forgery.modeling.weights import check_file, first_line, read_weights
from face_forgery.params import ModelParams, PreprocessingParams

logger = logging.getLogger(__name__)

_NORMALIZATION_WITHOUT_CONFIG = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's
_HEAD_STD = 0.01  # a new head says about 0.5 of every image: its first loss is about ln 2
_EXAMPLES_SHOWN = 3
_HUB = re.compile(r"^(https://huggingface\.co/|hf[-_]hub:)?(timm/)?")


def check_model(model: ModelParams) -> None:
    """Raise `BackboneError` on a backbone that timm does not know, an unknown input, no file."""
    find_backbone(model.backbone)
    extra_channels(model.input)
    if model.weights is not None:
        check_file(Path(model.weights))


@cache
def find_backbone(given: str, parameter: str = "model.backbone") -> str:
    """Return timm's name of a model, also for an old name, a hub's, or one in another spelling.

    With or without the tag of its weights: ``resnet18``, ``hf-hub:timm/resnet18.a1_in1k``.
    ``parameter`` is what named it.

    Raises:
        BackboneError: With the nearest names, or the tags that the model has.
    """
    architecture, _, tag = _HUB.sub("", given.strip()).partition(".")
    renamed = timm.models.get_deprecated_models()
    spellings = {_spelling(name): name for name in (*renamed, *timm.list_models())}
    architecture = spellings.get(_spelling(architecture), architecture)
    if renamed.get(architecture):
        architecture, _, own_tag = renamed[architecture].partition(".")
        tag = tag or own_tag
    tag = tag.lower().replace("-", "_")
    if architecture not in timm.list_models():
        near = get_close_matches(_spelling(architecture), spellings, n=_EXAMPLES_SHOWN, cutoff=0.4)
        hint = f"; did you mean {', '.join(spellings[one] for one in near)}?" if near else ""
        raise BackboneError(f"{parameter}={given!r} is not a timm model{hint}")
    found = f"{architecture}.{tag}" if tag else architecture
    known = timm.list_pretrained(f"{architecture}.*")
    if tag and found not in known:
        near = get_close_matches(found, known, n=_EXAMPLES_SHOWN, cutoff=0.4) or known
        raise BackboneError(
            f"{parameter}={given!r}: timm's {architecture} has no weights {tag!r}; "
            f"it has {', '.join(near[:_EXAMPLES_SHOWN]) or 'none'}"
        )
    if found != given:
        logger.info("%s=%s is called %s in timm", parameter, given, found)
    return found


def _spelling(name: str) -> str:
    return re.sub("[-_]", "", name.lower())


def normalization_of(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each color, 0 to 1, that a backbone expects; else ImageNet's."""
    config = timm.get_pretrained_cfg(find_backbone(name))
    if config is None:
        return _NORMALIZATION_WITHOUT_CONFIG
    return tuple(config.mean), tuple(config.std)


def trained_detector(
    weights: dict[str, Any],
    epoch: int,
    model: ModelParams,
    preprocessing: PreprocessingParams,
    **facts: Any,
) -> Detector:
    """Return the detector with the weights of an epoch; ``facts`` are further fields of it."""
    mean, std = normalization_of(model.backbone)
    return Detector(
        architecture=find_backbone(model.backbone),
        options=model.options,
        weights=weights,
        preprocessing=Preprocessing(**preprocessing.model_dump(), mean=mean, std=std),
        input=model.input,
        truncate_after=model.truncate_after,
        epoch=epoch,
        **facts,
    )


def build_network(model: ModelParams, image_size: int) -> DetectorNetwork:
    """Return the network with its starting weights, on the CPU, with a new head of two logits.

    Weights are the hub's (``pretrained``), of a file (``weights``) or random, drawn from torch's
    global generator. Where ``input`` has further channels, timm spreads a trained first layer over
    all of them.

    Raises:
        BackboneError: An unknown backbone, options or a size that it does not take, a block that
            it does not have, weights that the hub or the file does not give, or more weights than
            ``max_parameters``.
    """
    check_model(model)
    model = model.model_copy(update={"backbone": find_backbone(model.backbone)})
    if model.pretrained:
        backbone = _from_hub(model, image_size)
    elif model.weights is not None:
        backbone = _from_file(model, image_size, Path(model.weights))
    else:
        backbone = _create(model.backbone, model.options, image_size, **_channels(model.input))
        _start_head_near_zero(backbone)
    if model.truncate_after is not None:
        backbone = _truncate(backbone, model.truncate_after, model.input, image_size)
        _start_head_near_zero(backbone)
    check_budget(count_parameters(backbone), model.max_parameters, what=model.backbone)
    return DetectorNetwork(
        backbone, *normalization_of(model.backbone), extra=extra_channels(model.input)
    )


def build_blank_network(detector: Detector) -> DetectorNetwork:
    """Return the network of a detector, its weights still to be loaded; raises `BackboneError`."""
    given = detector.preprocessing
    return DetectorNetwork(
        _create_as_described(detector),
        given.mean,
        given.std,
        detector.temperature,
        extra_channels(detector.input),
    )


def plan_backbone(detector: Detector) -> nn.Module:
    """Return the backbone of a detector without memory for weights (torch's device ``meta``).

    What a stranger's ``meta.json`` describes may be of any size, and so may be the time to build
    it: one of many more layers than the detector has weights is refused.

    Raises:
        BackboneError: As `build_network`, and for too many layers.
    """
    num_weights = sum(one.numel() > 0 for one in detector.weights.values())  # empty ones are free
    limit, thread = MAX_LAYERS_A_WEIGHT * num_weights + MAX_LAYERS, get_ident()
    count = itertools.count()

    def refuse_too_many(*_: Any) -> None:
        if get_ident() == thread and next(count) > limit:
            raise BackboneError(
                f"{detector.architecture} with options {detector.options} has more than {limit:,} "
                f"layers, and there are {num_weights:,} weights"
            )

    hook = register_module_module_registration_hook(refuse_too_many)
    try:
        with torch.device("meta"), NoLargeTensor():  # type: ignore[no-untyped-call]
            backbone = _create_as_described(detector)
            channels = _channels(detector.input).get("in_chans", NUM_COLORS)
            check_cost(backbone, channels, detector.preprocessing.image_size)
            return backbone
    finally:
        hook.remove()


def first_cause(error: BackboneError) -> str:
    """Return in a line why timm refused to build a backbone, without names of parameters."""
    return first_line(error.__cause__ if isinstance(error.__cause__, Exception) else error)


def _create_as_described(detector: Detector) -> nn.Module:
    name, size = find_backbone(detector.architecture), detector.preprocessing.image_size
    backbone = _create(name, detector.options, size, **_channels(detector.input))
    if detector.truncate_after is None:
        return backbone
    head = detector.weights.get("head.weight")
    width = head.shape[1] if head is not None and head.ndim == 2 else None
    return _truncate(backbone, detector.truncate_after, detector.input, size, width)


def first_layers_of(backbone: Any) -> tuple[nn.Module, ...]:
    """Return the layers of a timm backbone that read its channels; none where timm names none."""
    names = dict(getattr(backbone, "pretrained_cfg", {})).get("first_conv") or ()
    names = (names,) if isinstance(names, str) else names
    return tuple(backbone.get_submodule(name) for name in names)


def _channels(name: str) -> dict[str, int]:
    """Return what timm is told of channels: nothing where there are only colors."""
    extra = extra_channels(name)
    return {} if extra is None else {"in_chans": NUM_COLORS + extra.num_channels}


def _truncate(
    backbone: nn.Module, after: str, channels: str, image_size: int, num_features: int | None = None
) -> nn.Module:
    return truncate_backbone(
        backbone,
        after,
        num_classes=NUM_CLASSES,
        channels=_channels(channels).get("in_chans", NUM_COLORS),
        image_size=image_size,
        num_features=num_features,
    )


def _create(name: str, options: Mapping[str, Any], image_size: int, **loading: Any) -> nn.Module:
    config = timm.get_pretrained_cfg(name)
    # Backbones with position embeddings or windows are built for one size and must be told.
    is_told = config is not None and config.fixed_input_size and "img_size" not in options
    size = {"img_size": image_size} if is_told else {}
    try:
        backbone: nn.Module = timm.create_model(
            name, num_classes=NUM_CLASSES, **size, **options, **loading
        )
    except _refusals(loading) as error:
        given = {**size, **options}
        raise BackboneError(
            f"model.backbone={name!r} does not take {given}: {first_line(error)}; "
            "change model.options or preprocessing.image_size"
        ) from error
    return backbone


def _refusals(loading: Mapping[str, Any]) -> tuple[type[Exception], ...]:
    """Return what timm raises where it does not take an option; with weights, they may be why."""
    if loading.get("pretrained"):
        return TypeError, AssertionError
    return (
        *(TypeError, AssertionError, ValueError, KeyError, RuntimeError, AttributeError),
        *(IndexError, NotImplementedError, OSError, ZeroDivisionError),
    )


def _from_hub(model: ModelParams, image_size: int) -> nn.Module:
    try:
        backbone = _create(
            model.backbone, model.options, image_size, pretrained=True, **_channels(model.input)
        )
    except BackboneError:
        raise
    except Exception as error:  # the hub client, urllib, ssl and timm each raise their own
        raise BackboneError(
            f"model.pretrained=true, but the weights of {model.backbone} could not be had from the "
            f"model hub ({type(error).__name__}: {first_line(error)}). Give a local file, "
            "model.weights=FILE.safetensors with model.pretrained=false, or start from random "
            "weights, model.pretrained=false alone"
        ) from error
    if timm.get_pretrained_cfg_value(model.backbone, "num_classes") != NUM_CLASSES:
        _start_head_near_zero(backbone)
    return backbone


def _from_file(model: ModelParams, image_size: int, path: Path) -> nn.Module:
    channels = _channels(model.input)
    blank = _create(model.backbone, model.options, image_size, **channels)
    weights = read_weights(path, blank.state_dict())
    _start_head_near_zero(blank)
    _replace_other_head(weights, model.backbone, blank)
    loading = {"state_dict": weights, "num_classes": NUM_CLASSES, "label_offset": 0}
    try:
        return _create(
            model.backbone, model.options, image_size,
            pretrained=True, pretrained_cfg_overlay=loading, **channels,
        )  # fmt: skip
    except (RuntimeError, KeyError, ValueError) as error:
        raise BackboneError(
            f"model.weights={str(path)!r} does not fit model.backbone={model.backbone!r} with "
            f"model.options={model.options}: "
            f"{describe_differences(weights, blank.state_dict()) or first_line(error)}"
        ) from error


def _start_head_near_zero(backbone: Any) -> None:
    """Draw the head anew, so small that the first gradients are not those of a wild guess.

    With two classes some of timm's families start with logits about 10 apart: the trained weights
    below would be lost before the head has recovered.
    """
    for head in heads_of(backbone):
        for layer in head.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.normal_(layer.weight, std=_HEAD_STD)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def _replace_other_head(weights: dict[str, Tensor], name: str, blank: nn.Module) -> None:
    """Put the new head where the file has one with another number of classes.

    timm would drop such a head, and from then on no longer mind what else is missing.
    """
    config = timm.get_pretrained_cfg(name)
    heads = (config.classifier or ()) if config is not None else ()
    own = blank.state_dict()
    for head in (heads,) if isinstance(heads, str) else heads:
        for key in (f"{head}.weight", f"{head}.bias"):
            if key in own and (key not in weights or weights[key].shape != own[key].shape):
                weights[key] = own[key]


def describe_differences(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """Say how many weights a file and a model, which has ``own``, do not have in common; or ""."""
    shared = [name for name in own if name in weights]
    other = [name for name in shared if own[name].shape != weights[name].shape]
    differences = (
        ("the file lacks", len(own), [name for name in own if name not in weights]),
        ("the model lacks", len(weights), [name for name in weights if name not in own]),
        ("the shapes differ of", len(shared), other),
    )
    return "; ".join(
        f"{what} {len(names)} of {total} tensors, such as {', '.join(names[:_EXAMPLES_SHOWN])}"
        for what, total, names in differences
        if names
    )
