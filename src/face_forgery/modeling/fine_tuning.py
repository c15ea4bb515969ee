"""Which weights are trained: all of them, or little besides the head."""

import copy
import logging
import re
from typing import Any

import torch
from timm.models import group_parameters
from torch import Tensor, nn

from face_forgery.modeling.detector import BackboneError
from face_forgery.modeling.factory import first_layers_of
from face_forgery.modeling.network import DetectorNetwork, PatchConv, heads_of
from face_forgery.params import ModelParams

logger = logging.getLogger(__name__)

# Layers of torch and timm by their names: some of timm's are no subclasses of torch's.
_NORM = re.compile("(Batch|Group|Instance|Layer|Response|Rms|RMS|Simple|Evo)Norm")
# No subclasses: timm's standardize weights or pad by themselves, so LoRA could not be merged.
_LORA_TYPES = (nn.Linear, nn.Conv2d, PatchConv)


def freeze(network: DetectorNetwork, model: ModelParams, image_size: int) -> None:
    """Leave gradients only to what ``model.fine_tuning`` trains, in place; log how much that is.

    - ``full``: everything.
    - ``linear``: the head.
    - ``last``: the head, norms before it, and ``model.last_blocks`` blocks as timm numbers them.
    - ``norm``: the head and the weights of all normalization layers.
    - ``lora``: the head, and adapters (peft, with the options ``model.lora``) of every linear and
      ungrouped convolutional layer that the backbone calls; with ``target_modules``, a regular
      expression, of those in whose names it is found.

    Where the input has further channels, the layer that reads them is always trained. Statistics of
    batch normalization move in ``full`` and ``norm`` and are kept in the others. ``network`` is on
    the CPU, with its starting weights.

    Raises:
        BackboneError: If the backbone lacks the layers that are to be trained.
    """
    if model.fine_tuning != "full":
        _freeze_backbone(network, model, image_size)
        if not model.pretrained and model.weights is None:
            logger.warning(
                "model.fine_tuning=%s leaves the backbone nearly as it starts, and it starts at "
                "random; set model.pretrained=true or model.weights",
                model.fine_tuning,
            )
    sizes = [(weight.numel(), weight.requires_grad) for weight in network.parameters()]
    total = sum(size for size, _ in sizes)
    trained = sum(size for size, is_trained in sizes if is_trained)
    logger.info(
        "model.fine_tuning=%s trains %s of %s parameters (%.3g %%).",
        model.fine_tuning, f"{trained:,}", f"{total:,}", 100 * trained / total,
    )  # fmt: skip


def merged_weights(network: DetectorNetwork) -> dict[str, Tensor] | None:
    """Return the weights of the backbone with its LoRA adapters merged; ``None``: it has none.

    The names are those of the plain timm backbone. ``network`` is not changed.
    """
    if not any(hasattr(layer, "lora_A") for layer in network.backbone.modules()):
        return None
    from peft.tuners.tuners_utils import BaseTunerLayer

    backbone = copy.deepcopy(network.backbone)
    for name, layer in list(backbone.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            backbone.set_submodule(name, layer.get_base_layer())
    weights: dict[str, Tensor] = backbone.state_dict()
    return weights


def weights_of_raw_features(
    network: DetectorNetwork, mean: Tensor, deviation: Tensor
) -> dict[str, Tensor]:
    """Return the weights of the backbone with a head that sees its features as they are.

    The head of ``network``, which is not changed, saw ``(features - mean) / deviation``, ``(F,)``.
    """
    backbone = copy.deepcopy(network.backbone)
    head: Any = heads_of(backbone)[0]
    with torch.no_grad():
        head.weight /= deviation.view(1, -1, *[1] * (head.weight.ndim - 2))
        head.bias -= head.weight.flatten(1) @ mean
    weights: dict[str, Tensor] = backbone.state_dict()
    return weights


def _freeze_backbone(network: DetectorNetwork, model: ModelParams, image_size: int) -> None:
    backbone = network.backbone
    trained = [*heads_of(backbone), *_readers_of_new_channels(backbone, model)]
    backbone.requires_grad_(requires_grad=False)
    if model.fine_tuning == "lora":
        _add_lora(network, trained, model, image_size)
    if model.fine_tuning == "last":
        _train_last_blocks(backbone, model)
    if model.fine_tuning == "norm":
        _train_norms(backbone, model)
    else:
        network.keep_statistics()
    for layer in trained:
        layer.requires_grad_(requires_grad=True)


def _readers_of_new_channels(backbone: nn.Module, model: ModelParams) -> tuple[nn.Module, ...]:
    if model.input == "rgb":
        return ()
    layers = first_layers_of(backbone)
    if not layers:
        raise BackboneError(
            f"model.input={model.input} with model.fine_tuning={model.fine_tuning} trains the "
            f"first layer, and timm does not say which one of model.backbone={model.backbone!r} "
            "that is; set model.fine_tuning=full or model.input=rgb"
        )
    return layers


def _add_lora(
    network: DetectorNetwork, trained: list[nn.Module], model: ModelParams, image_size: int
) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    options: dict[Any, Any] = dict(model.lora)
    wanted = re.compile(str(options.pop("target_modules", "")))
    whole = {part for layer in trained for part in layer.modules()}
    layers: dict[str, nn.Module] = {
        name: layer
        for name, layer in network.backbone.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and layer not in whole and wanted.search(name)
    }
    called = _called(network, layers, image_size)
    names = [
        name
        for name, layer in layers.items()
        if name in called and type(layer) in _LORA_TYPES and getattr(layer, "groups", 1) == 1
    ]
    if not names:
        raise BackboneError(
            f"model.fine_tuning=lora: model.backbone={model.backbone!r} has no layer besides its "
            f"head that LoRA can change (target_modules={wanted.pattern!r}); set "
            "model.fine_tuning=norm or full"
        )
    if left_out := len(layers) - len(names):
        logger.info(
            "LoRA changes %d layers; %d stay frozen: grouped or standardized convolutions, and "
            "layers whose weights the backbone reads without calling them.",
            len(names), left_out,
        )  # fmt: skip
    targets = "|".join(map(re.escape, names))  # a list would match the ends of names, too
    inject_adapter_in_model(LoraConfig(target_modules=targets, **options), network.backbone)


def _called(network: DetectorNetwork, layers: dict[str, nn.Module], image_size: int) -> set[str]:
    """Return the names of those ``layers`` that a forward pass calls."""
    called: set[str] = set()
    hooks = [
        layer.register_forward_pre_hook(lambda _, __, name=name: called.add(name))
        for name, layer in layers.items()
    ]
    was_training = network.training
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, 3, image_size, image_size, dtype=torch.uint8))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return called


def _train_last_blocks(backbone: nn.Module, model: ModelParams) -> None:
    matcher = getattr(backbone, "group_matcher", None)
    blocks = {} if matcher is None else group_parameters(backbone, matcher(coarse=False))
    wanted = model.last_blocks + 1  # the last one has the head
    if len(blocks) < wanted:
        raise BackboneError(
            f"model.last_blocks={model.last_blocks}: model.backbone={model.backbone!r} has "
            f"{max(len(blocks) - 1, 0)} blocks; lower it, or set model.fine_tuning=full"
        )
    for number in sorted(blocks)[-wanted:]:
        for name in blocks[number]:
            backbone.get_parameter(name).requires_grad_(True)


def _train_norms(backbone: nn.Module, model: ModelParams) -> None:
    weights = [
        weight
        for layer in backbone.modules()
        if _NORM.search(type(layer).__name__)
        for weight in layer.parameters(recurse=False)
    ]
    if not weights:
        raise BackboneError(
            f"model.fine_tuning=norm: model.backbone={model.backbone!r} has no normalization layer "
            "with weights; set another model.fine_tuning"
        )
    for weight in weights:
        weight.requires_grad_(True)
