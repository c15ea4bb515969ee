"""A face detector in ONNX opens no file, and computes nothing while it is imported."""

import struct

import pytest

from face_forgery.data.images.onnx_files import check_face_model


def field(number: int, content: bytes) -> bytes:
    length = len(content)
    parts = [length & 127 | 128, length >> 7 & 127 | 128, length >> 14]
    return bytes([number << 3 | 2, *parts]) + content


def node(step: bytes, *inputs: bytes) -> bytes:
    named = b"".join(field(1, name) for name in inputs)
    return field(1, named + field(2, b"out") + field(4, step))


def model(*parts: bytes) -> bytes:
    return b"\x08\x08" + field(7, b"".join(parts))


def tensor(name: bytes, *numbers: float, more: bytes = b"") -> bytes:
    return field(5, field(8, name) + field(9, struct.pack(f"<{len(numbers)}f", *numbers)) + more)


TWICE, MUCH = tensor(b"s", 1, 1, 2, 2), tensor(b"s", 1, 1, 60, 60)


def test_the_steps_of_yunet_are_let_through():
    steps = (node(b"Conv", b"in", b"w"), node(b"Resize", b"out", b"", b"s"))
    check_face_model(model(*steps, node(b"DequantizeLinear", b"w"), tensor(b"w", 1), TWICE))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "one graph"),
        (b"\xff" * 20, "damaged"),
        (model(tensor(b"w", more=field(13, b"location"))), "another file"),
        (model(tensor(b"w", more=b"\x70\x01")), "another file"),
        (model(node(b"If", b"in")), "none of a face detector"),
        (
            model(node(b"Conv", b"in") + field(1, field(4, b"Conv") + field(5, field(5, b"")))),
            "none of a face",
        ),
        (model(node(b"Resize", b"in", b"", b"s"), MUCH), "enlarges"),
        (model(node(b"Resize", b"in", b"", b"computed")), "enlarges"),
        (model(node(b"Add", b"w", b"w"), tensor(b"w", 1)), "constants alone"),
        (model(*[node(b"Relu", b"in")] * 1001), "too many steps"),
        (bytes(2**24 + 1), "more than 16,777,216"),
    ],
)
def test_what_no_face_detector_does_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        check_face_model(content)
