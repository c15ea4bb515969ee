"""Which weights are trained: all of them, or little besides the head."""

import logging
import re

from torch import nn

from face_forgery.modeling.factory import BackboneError, first_layers_of
from face_forgery.modeling.low_rank import add_low_rank
from face_forgery.modeling.network import DetectorNetwork, heads_of
from face_forgery.params import ModelParams

logger = logging.getLogger(__name__)

# Layers of torch and timm by their names: some of timm's are no subclasses of torch's.
_NORM = re.compile("(Batch|Group|Instance|Layer|Response|Rms|RMS|Simple|Evo)Norm")


def freeze(network: DetectorNetwork, model: ModelParams) -> None:
    """Leave gradients only to what ``model.tuning`` trains, in place; say how much that is.

    - ``full``: everything.
    - ``linear``: the head.
    - ``norm``: the head and the weights of all normalization layers.
    - ``low_rank``: the head, and a change of rank ``model.rank`` of every linear and convolutional
      layer.

    Where the input has further channels, the layer that reads them is trained always. Statistics of
    batch normalization move in ``full`` and ``norm`` and are kept in the others.

    Raises:
        BackboneError: If the backbone lacks the layers that are to be trained.
    """
    if model.tuning != "full":
        _freeze_backbone(network, model)
        if not model.pretrained and model.weights is None:
            logger.warning(
                "model.tuning=%s leaves the backbone nearly as it starts, and it starts at random; "
                "set model.pretrained=true or model.weights",
                model.tuning,
            )
    sizes = [(weight.numel(), weight.requires_grad) for weight in network.parameters()]
    total = sum(size for size, _ in sizes)
    trained = sum(size for size, is_trained in sizes if is_trained)
    logger.info(
        "model.tuning=%s trains %s of %s parameters (%.3g %%).",
        model.tuning, f"{trained:,}", f"{total:,}", 100 * trained / total,
    )  # fmt: skip


def _freeze_backbone(network: DetectorNetwork, model: ModelParams) -> None:
    backbone = network.backbone
    trained = [*heads_of(backbone), *_readers_of_new_channels(backbone, model)]
    backbone.requires_grad_(requires_grad=False)
    if model.tuning == "low_rank":
        _add_low_rank_but_to(trained, backbone, model)
    if model.tuning == "norm":
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
            f"model.input={model.input} with model.tuning={model.tuning} trains the first layer, "
            f"and timm does not say which one of model.backbone={model.backbone!r} that is; set "
            "model.tuning=full or model.input=rgb"
        )
    return layers


def _add_low_rank_but_to(trained: list[nn.Module], backbone: nn.Module, model: ModelParams) -> None:
    whole = {part for layer in trained for part in layer.modules()}
    layers = [
        layer
        for layer in backbone.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and layer not in whole
    ]
    if not layers:
        raise BackboneError(
            f"model.tuning=low_rank: model.backbone={model.backbone!r} has no linear or "
            "convolutional layer besides its head; set model.tuning=full"
        )
    add_low_rank(layers, model.rank)


def _train_norms(backbone: nn.Module, model: ModelParams) -> None:
    weights = [
        weight
        for layer in backbone.modules()
        if _NORM.search(type(layer).__name__)
        for weight in layer.parameters(recurse=False)
    ]
    if not weights:
        raise BackboneError(
            f"model.tuning=norm: model.backbone={model.backbone!r} has no normalization layer with "
            "weights; set another model.tuning"
        )
    for weight in weights:
        weight.requires_grad_(True)
