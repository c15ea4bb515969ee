"""A network in 8-bit integers: quantized after training by NNCF, and read back with bounds.

Scores change by more than rounding, so temperature and thresholds are set after it. Weights take 7
of the 8 bits: processors without VNNI add up products of two in 16 bits, which 8 would overflow.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from face_forgery.data.redaction import one_line
from face_forgery.limits import MAX_ACTIVATIONS, MAX_GRAPH_BYTES
from face_forgery.modeling.detector import Detector, DetectorError, QuantizedNetwork
from face_forgery.modeling.engines.openvino_network import (
    OpenVinoNetwork,
    compile_checked,
    convert,
    import_openvino,
    keep_own_logits,
)

if TYPE_CHECKING:
    import openvino

_LAYER = re.compile(rb'<layer [^>]*type="(\w+)"')
_NESTED = {b"If", b"Loop", b"TensorIterator"}  # graphs within the graph


def quantize(detector: Detector, images: Sequence[Tensor]) -> Detector:
    """Return ``detector`` in int8, with the ranges of its activations taken from ``images``.

    ``images`` are uint8 ``(3, S, S)``, as the network is shown them; some hundred do.

    Raises:
        DetectorError: If OpenVINO cannot compute the network.
        ImportError: If NNCF is not installed.
    """
    if find_spec("nncf") is None:
        raise ImportError(
            "scoring.precision=int8 needs nncf: make setup, or pip install 'face-forgery[int8]'"
        )
    model = convert(detector)
    import nncf  # now, and not before OpenVINO: it would report to its makers

    is_transformer = any("attn" in name for name in detector.weights)
    quantized = nncf.quantize(
        model,
        nncf.Dataset([image[None].numpy() for image in images]),
        subset_size=len(images),
        preset=nncf.QuantizationPreset.MIXED,
        model_type=nncf.ModelType.TRANSFORMER if is_transformer else None,
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
    )
    keep_own_logits(quantized)
    done = replace(detector, precision="int8", quantized=store_model(quantized))
    read_quantized(done)  # what is written can be read
    return done


def load_quantized(detector: Detector) -> OpenVinoNetwork:
    """Return the network of an int8 detector; raises as `read_quantized`.

    Raises:
        EngineError: If this processor computes other scores than the one that quantized it.
    """
    compiled = compile_checked(read_quantized(detector), "int8")
    return OpenVinoNetwork(compiled, detector.temperature)


def read_quantized(detector: Detector) -> "openvino.Model":
    """Return the uncalibrated int8 network of ``detector`` in OpenVINO's terms.

    Raises:
        DetectorError: If it is damaged, or asks for more memory than a network needs.
    """
    if detector.quantized is None:
        raise DetectorError("this detector is in int8 and has no int8 network; evaluate it again")
    graph, weights = detector.quantized
    openvino = import_openvino()
    try:
        if len(graph) > MAX_GRAPH_BYTES or _NESTED & set(_LAYER.findall(graph)):
            raise ValueError(f"no graph that quantizing gives ({len(graph):,} bytes)")
        content = openvino.Tensor(np.frombuffer(weights, np.uint8))
        model = openvino.Core().read_model(graph, content)
        _check_shapes(model, detector.preprocessing.image_size)
    except (RuntimeError, ValueError) as error:
        raise DetectorError(
            f"the int8 network of this detector cannot be used: {one_line(str(error))[:300]}; "
            "evaluate it again (pipeline evaluation)"
        ) from error
    return model


def _check_shapes(model: "openvino.Model", size: int) -> None:
    """Raise `ValueError` where an image would take more memory than in any honest network."""
    ends = [str(end.get_partial_shape()) for end in (*model.inputs, *model.outputs)]
    if ends != [f"[?,3,{size},{size}]", "[?,2]"]:
        raise ValueError(f"it maps {' to '.join(ends)}, and not images of {size} pixels to logits")
    for operation in model.get_ops():
        for output in operation.outputs():
            shape = output.get_partial_shape()
            sides = [] if shape.rank.is_dynamic else [side.get_max_length() for side in shape]
            num = np.prod([1 if side < 0 else side for side in sides], dtype=float)
            if (
                shape.rank.is_dynamic
                or sum(side < 0 for side in sides) > 1
                or num > MAX_ACTIVATIONS
            ):
                raise ValueError(f"{operation.get_type_name()} gives {shape} numbers")


def store_model(model: "openvino.Model") -> QuantizedNetwork:
    """Return what OpenVINO writes of ``model``."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "int8.xml")
        import_openvino().save_model(model, path, compress_to_fp16=False)
        return QuantizedNetwork(path.read_bytes(), path.with_suffix(".bin").read_bytes())
