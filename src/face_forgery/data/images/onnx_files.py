"""A face detector in ONNX, looked at before OpenCV imports it.

OpenCV opens files that a model names, and computes at once what follows from constants alone.
"""

import struct
from collections.abc import Iterator

from face_forgery.limits import MAX_FACE_MODEL, MAX_FACE_SCALE, MAX_FACE_STEPS

# Of YuNet, in float32 and in whole numbers.
_STEPS = {
    *(b"Conv", b"Relu", b"MaxPool", b"Add", b"Resize", b"Transpose", b"Reshape", b"Sigmoid"),
    *(b"QuantizeLinear", b"DequantizeLinear", b"QLinearConv", b"QLinearAdd", b"QLinearSigmoid"),
}
_MAY_BE_CONSTANT = {b"DequantizeLinear"}
# Numbers of fields, from onnx.proto.
_GRAPH, _FUNCTIONS = 7, 25
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1, 5, 15
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _FLOATS, _RAW, _EXTERNAL, _LOCATION = 8, 4, 9, 13, 14
_OF_GRAPHS_OR_TENSORS = {5, 6, 10, 11, 22, 23}  # of attributes


def check_face_model(content: bytes) -> None:
    """Raise ``ValueError`` on what is no face detector of the kind of YuNet, by its steps."""
    if len(content) > MAX_FACE_MODEL:
        raise ValueError(f"it has {len(content):,} bytes, more than {MAX_FACE_MODEL:,}")
    top = list(_fields(content))
    graphs = [value for number, value in top if number == _GRAPH]
    if len(graphs) != 1 or any(number == _FUNCTIONS for number, _ in top):
        raise ValueError("it does not have one graph")
    graph = list(_fields(graphs[0]))
    nodes = [value for number, value in graph if number == _NODE]
    if len(nodes) > MAX_FACE_STEPS or any(number == _SPARSE_INITIALIZER for number, _ in graph):
        raise ValueError("it has too many steps, or sparse weights")
    tensors = dict(_tensor(value) for number, value in graph if number == _INITIALIZER)
    constants = {b"", *tensors}
    for node in nodes:
        _check_node(node, tensors, constants)


def _check_node(node: bytes, tensors: dict[bytes, bytes], constants: set[bytes]) -> None:
    fields = list(_fields(node))
    step = b"".join(value for number, value in fields if number == _OP_TYPE)
    inputs = [value for number, value in fields if number == _INPUT]
    attributes = [_fields(value) for number, value in fields if number == _ATTRIBUTE]
    if step not in _STEPS or any(
        number in _OF_GRAPHS_OR_TENSORS for attribute in attributes for number, _ in attribute
    ):
        raise ValueError(f"its step {step[:40]!r} is none of a face detector")
    if constants.issuperset(inputs):
        if step not in _MAY_BE_CONSTANT:
            raise ValueError(f"its step {step.decode()} works on constants alone")
        constants.update(value for number, value in fields if number == _OUTPUT)
    if step == b"Resize":
        scales = tensors.get(inputs[-1], b"")  # of four axes, float32
        if len(scales) != 16 or not all(
            0 < s <= MAX_FACE_SCALE for s in struct.unpack("<4f", scales)
        ):
            raise ValueError(f"it enlarges by more than {MAX_FACE_SCALE}, or by what is computed")


def _tensor(content: bytes) -> tuple[bytes, bytes]:
    """Return the name and the bytes of a tensor, which must lie in the file itself."""
    fields = list(_fields(content))
    if any(number in (_EXTERNAL, _LOCATION) for number, _ in fields):
        raise ValueError("its weights lie in another file")
    name = b"".join(value for number, value in fields if number == _NAME)
    return name, b"".join(value for number, value in fields if number in (_FLOATS, _RAW))


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each field of a protobuf message; of a number, nothing."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind, length = tag & 7, 0
        if kind == 0:
            _, at = _varint(content, at)
        elif kind == 2:
            length, at = _varint(content, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError("it is damaged")
        if at + length > len(content):
            raise ValueError("it is damaged")
        yield tag >> 3, content[at : at + length]
        at += length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("it is damaged")
