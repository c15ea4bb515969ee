"""A network as OpenVINO stores it with its detector: read back with bounds."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from face_forgery.data.redaction import one_line
from face_forgery.limits import MAX_ACTIVATIONS, MAX_GRAPH_BYTES
from face_forgery.modeling.detector import Detector, DetectorError, StoredGraph
from face_forgery.modeling.engines.openvino_network import (
    OpenVinoNetwork,
    compile_checked,
    core,
    import_openvino,
)

if TYPE_CHECKING:
    import openvino

_LAYER = re.compile(rb'<layer [^>]*type="(\w+)"')
_KINDS = {"timm": "int8 network", "openvino": "graph"}
_REMEDIES = {
    "timm": "evaluate it again (pipeline evaluation)",
    "openvino": "adopt the model again (pipelines adopt and evaluation)",
}
_NESTED = {b"If", b"Loop", b"TensorIterator"}  # graphs within the graph


def load_graph(detector: Detector) -> OpenVinoNetwork:
    """Return the network of a detector with a stored graph; raises as `read_graph`.

    Raises:
        EngineError: If this processor computes other scores than the one that stored it.
    """
    compiled = compile_checked(read_graph(detector), detector.precision)
    return OpenVinoNetwork(compiled, detector.temperature)


def read_graph(detector: Detector) -> "openvino.Model":
    """Return the uncalibrated stored network of ``detector`` in OpenVINO's terms.

    Raises:
        DetectorError: If it is damaged, or asks for more memory than a network needs.
    """
    if detector.graph is None:
        raise DetectorError("this detector is in int8 and has no int8 network; evaluate it again")
    xml, weights = detector.graph
    try:
        if len(xml) > MAX_GRAPH_BYTES or _NESTED & set(_LAYER.findall(xml)):
            raise ValueError(f"no graph of a single network ({len(xml):,} bytes)")
        content = import_openvino().Tensor(np.frombuffer(weights, np.uint8))
        model = core().read_model(xml, content)
        _check_shapes(model, detector.preprocessing.image_size)
    except (RuntimeError, ValueError) as error:
        raise DetectorError(
            f"the {_KINDS[detector.network]} of this detector cannot be used: "
            f"{one_line(str(error))[:300]}; {_REMEDIES[detector.network]}"
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


def count_constants(detector: Detector) -> int:
    """Return how many fractional numbers the graph of ``detector`` holds; about its weights."""
    constants = (one for one in read_graph(detector).get_ops() if one.get_type_name() == "Constant")
    return sum(
        int(np.prod(one.get_output_shape(0), dtype=np.int64))
        for one in constants
        if one.get_output_element_type(0).is_real()
    )


def store_model(model: "openvino.Model") -> StoredGraph:
    """Return what OpenVINO writes of ``model``."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "int8.xml")
        import_openvino().save_model(model, path, compress_to_fp16=False)
        return StoredGraph(path.read_bytes(), path.with_suffix(".bin").read_bytes())
