"""An ONNX file: its graph becomes a detector."""

from pathlib import Path
from typing import Any

import numpy as np

from face_forgery.data.redaction import one_line
from face_forgery.modeling.adopting.facts import choose_fake, complete_preprocessing
from face_forgery.modeling.adopting.graph import adopt_graph
from face_forgery.modeling.detector import BackboneError, Detector
from face_forgery.modeling.engines.openvino_network import core, import_openvino
from face_forgery.params import AdoptParams

_ENDS = {"Sigmoid", "Softmax"}  # what turns logits into probabilities
_KEEPS_NUMBERS = {"Reshape", "Squeeze", "Unsqueeze", "Convert"}
_EXPECTED = "one input of normalized pixels, float32 (batch, 3, S, S), and one output of logits"


def adopt_onnx_file(path: Path, adopt: AdoptParams) -> Detector:
    """Return the detector of an ONNX file. A last sigmoid or softmax is taken off.

    Raises:
        BackboneError: If OpenVINO cannot read it, it does not map images to logits, or if
            something is not said.
    """
    model = _read(path)
    own = {"image_size": size} if (size := _static_size(model, path)) else {}
    if size and adopt.image_size not in (None, size):
        raise BackboneError(
            f"adopt.image_size={adopt.image_size}, but the input of adopt.model={str(path)!r} is "
            f"fixed to {size} pixels; leave it out, or export the model for another size"
        )
    preprocessing = complete_preprocessing(adopt, own)
    side = preprocessing.image_size
    try:
        model.reshape([-1, 3, side, side])
    except RuntimeError as error:
        raise _refusal(path, f"it takes no batches of {side} pixels: {_first(error)}") from error
    _take_off_probabilities(model)
    fake = choose_fake(adopt, _count_logits(model, path))
    return adopt_graph(model, "onnx", preprocessing, fake)


def _read(path: Path) -> Any:
    try:
        model = core().read_model(path)
    except RuntimeError as error:
        raise BackboneError(
            f"adopt.model={str(path)!r} cannot be read as ONNX: {_first(error)}"
        ) from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _refusal(path, f"it has {len(model.inputs)} inputs, {len(model.outputs)} outputs")
    return model


def _static_size(model: Any, path: Path) -> int | None:
    """Return the side of the images that the model takes; ``None``: any."""
    (given,) = model.inputs
    shape, kind = given.get_partial_shape(), given.get_element_type().get_type_name()
    sides = [] if shape.rank.is_dynamic else list(shape)
    is_right = len(sides) == 4 and (sides[1].is_dynamic or sides[1].get_length() == 3)
    if not is_right or kind != "f32" or sides[2] != sides[3]:
        raise _refusal(path, f"its input is {kind} {shape}")
    return None if sides[2].is_dynamic else int(sides[2].get_length())


def _take_off_probabilities(model: Any) -> None:
    """Let the model end with its logits where it ends with what makes probabilities of them."""
    (result,) = model.get_results()
    end = result.input_value(0).get_node()
    while end.get_type_name() in _KEEPS_NUMBERS:
        end = end.input_value(0).get_node()
    if end.get_type_name() in _ENDS:
        end.output(0).replace(end.input_value(0))
        model.validate_nodes_and_infer_types()


def _count_logits(model: Any, path: Path) -> int:
    """Return how many logits an image gets; a model of one each is given the axis for it."""
    (output,) = model.outputs
    shape = output.get_partial_shape()
    sides = [] if shape.rank.is_dynamic else list(shape)
    if not sides or any(side.is_dynamic for side in sides[1:]) or not sides[0].is_dynamic:
        raise _refusal(path, f"its output is {shape}")
    if len(sides) == 1:
        operations = import_openvino().opset13
        (result,) = model.get_results()
        column = operations.unsqueeze(result.input_value(0), np.array(1))
        model.add_results([operations.result(column)])
        model.remove_result(result)
        return 1
    if len(sides) != 2:
        raise _refusal(path, f"its output is {shape}")
    return int(sides[1].get_length())


def _refusal(path: Path, found: str) -> BackboneError:
    return BackboneError(
        f"adopt.model={str(path)!r} cannot be adopted: {found}; expected {_EXPECTED}. Export it "
        "again so, with a batch of any size"
    )


def _first(error: Exception) -> str:
    return one_line(str(error))[:300]
