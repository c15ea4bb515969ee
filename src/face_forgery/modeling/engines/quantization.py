"""A network in 8-bit integers: quantized after training by NNCF.

Scores change by more than rounding, so temperature and thresholds are set after it. Weights take 7
of the 8 bits: processors without VNNI add up products of two in 16 bits, which 8 would overflow.
The first layers stay in float32: they hold a small part of the work and lose most
(docs/decisions/0031-int8.md).
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING

from torch import Tensor

from face_forgery.modeling.detector import Detector
from face_forgery.modeling.engines.openvino_network import convert, keep_own_logits
from face_forgery.modeling.engines.stored_graph import read_graph, store_model

if TYPE_CHECKING:
    import openvino

_LEFT = 0.1  # of the multiplications of all convolutions, at most: those of the first ones


def check_nncf() -> None:
    """Raise `ImportError` where NNCF is not installed, without importing it."""
    if find_spec("nncf") is None:
        raise ImportError(
            "scoring.precision=int8 needs nncf: make setup, or pip install 'face-forgery[int8]'"
        )


def quantize(detector: Detector, images: Sequence[Tensor]) -> Detector:
    """Return ``detector`` in int8, with the ranges of its activations taken from ``images``.

    ``images`` are uint8 ``(3, S, S)``, as the network is shown them; some hundred do.

    Raises:
        DetectorError: If OpenVINO cannot compute the network.
        ImportError: If NNCF is not installed.
    """
    check_nncf()
    model = convert(detector)
    import nncf  # now, and not before OpenVINO: it would report to its makers

    is_transformer = any("attn" in name for name in detector.weights)
    quantized = nncf.quantize(
        model,
        nncf.Dataset([image[None].numpy() for image in images]),
        subset_size=len(images),
        preset=nncf.QuantizationPreset.MIXED,
        model_type=nncf.ModelType.TRANSFORMER if is_transformer else None,
        ignored_scope=nncf.IgnoredScope(names=_first_layers(model)),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
    )
    keep_own_logits(quantized)
    done = replace(detector, precision="int8", graph=store_model(quantized))
    read_graph(done)  # what is written can be read
    return done


def _first_layers(model: "openvino.Model") -> list[str]:
    """Name the first convolutions, as many as do at most ``_LEFT`` of the work of all."""
    kinds = ("Convolution", "GroupConvolution")
    layers = [one for one in model.get_ordered_ops() if one.get_type_name() in kinds]
    costs = [
        prod(layer.input(1).get_shape()) * prod(layer.output(0).get_partial_shape()[2:].to_shape())
        for layer in layers
    ]
    limit, names = _LEFT * sum(costs), []
    for layer, cost in zip(layers, costs, strict=True):
        limit -= cost
        if limit < 0:
            break
        names.append(layer.get_friendly_name())
    return names
