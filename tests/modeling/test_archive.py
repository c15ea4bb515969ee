"""What a checkpoint asks of its reader is looked at before torch reads it."""

import io
import struct
import zipfile
from argparse import Namespace
from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import torch

from face_forgery.modeling.archive import check_archive
from face_forgery.modeling.detector import BackboneError
from face_forgery.modeling.weights import read_weights

EMPTY = b"\x80\x02}."
ASKS = b"\x80\x02c__builtin__\nbytearray\nK\x01\x85R."


def archive(content: bytes = EMPTY, name: str = "a/data.pkl", **more: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as records:
        for one, value in {name: content, **more}.items():
            records.writestr(one, value)
    return buffer.getvalue()


def with_two_directories() -> bytes:
    """Python finds the second one, before the end; torch the first, where the end says it is."""
    asks, good = archive(ASKS), archive(EMPTY.ljust(len(ASKS), b"."))
    start = int.from_bytes(asks[-6:-2], "little")
    before = asks[:-22]
    directory = bytearray(good[start:-22])
    # Python adds to the place of a record what the directory is moved by.
    return before + good[:start] + bytes(directory) + asks[-22:]


def doubled(number: int) -> bytes:
    """Lists, each of the one before twice."""
    steps = (b"](h%ch%ceq%c" % (at, at, at + 1) for at in range(number))
    return b"\x80\x02K\x01q\x00" + b"".join(steps) + b"."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


SET = b"c__builtin__\nset\nq\x01"
LONG_LIST = b"](" + b"K\x01" * 10_000 + b"eq\x00"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ASKS + archive(), "not an archive of torch"),
        (with_two_directories(), "not an archive of torch"),
        (archive(ASKS, "a/DATA.PKL"), "asks for __builtin__.bytearray"),
        (archive(**{"a/Data.pkl": ASKS}), "two of its records have one name"),
        (archive(**{"a/data/x": b""}), "names that torch never writes"),
        (archive(b"\x80\x02c_codecs\nencode\n."), "asks for _codecs.encode"),
        (archive(doubled(60)), "repeats more than 4,194,304 values"),
        (
            archive(b"\x80\x02" + LONG_LIST + SET + b"](" + b"h\x01h\x00\x85R" * 1000 + b"e."),
            "repeats more than",
        ),
        (archive(b"\x80\x02)" + b"\x85" * 200 + b"."), "nested more than 100 deep"),
        (archive(b"\x80\x02}q\x00" + text("model") + b"h\x00s."), "already put elsewhere"),
        (archive(b"\x80\x02]q\x00h\x00\x85h\x00K\x01a."), "already put elsewhere"),
        (archive(b"\x80\x02\x8a\x09" + b"\x7f" * 9 + b"."), "more than 64 bits"),
        (archive(b"\x80\x02" + text("0\0x") + b"."), "NUL"),
        (archive(b"\x80\x020."), "damaged"),
        (archive(b"\x80\x02" + b"]0" * 2**22 + b"."), "its pickle has 8,388,611 bytes"),
    ],
)
def test_what_asks_for_much_by_little_is_refused(tmp_path, content, message):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        check_archive(path)


WEIGHTS = {"conv.weight": torch.ones(2, 3), "conv.bias": torch.zeros(2)}
SHARED = (0.9, 0.999)


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        OrderedDict(WEIGHTS),
        {name: torch.nn.Parameter(value.bfloat16()) for name, value in WEIGHTS.items()},
        {"model": WEIGHTS, "state_dict": WEIGHTS, "rng": torch.get_rng_state()},
        {"state_dict": WEIGHTS, "args": Namespace(lr=0.1, layers=[1, 2]), "metric": 0.5},
        {
            "state_dict": {f"net.{name}": value for name, value in WEIGHTS.items()},
            "hyper_parameters": {"s": {1, 2}, "c": 1 + 2j, "seed": 2**64 - 1, "no": None},
            "optimizer_states": [{"param_groups": [{"betas": SHARED, "params": [0]}] * 2000}],
            "lr_schedulers": [{"milestones": Counter({1: 2})}],
            "size": torch.Size([1, 2]), "type": torch.float16, "device": torch.device("cpu"),
        },
    ],
)  # fmt: skip
def test_what_trainers_save_is_read(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth", WEIGHTS).keys() == WEIGHTS.keys()


def test_a_tensor_of_more_numbers_than_are_stored_is_refused(tmp_path):
    path: Path = tmp_path / "w.pth"
    torch.save({"a": torch.zeros(1).expand(1000, 1000), "b": torch.zeros(1)}, path)
    with pytest.raises(BackboneError, match="'a' repeats a few numbers"):
        read_weights(path, WEIGHTS)


def test_a_name_of_many_parts_is_read_in_time(tmp_path):
    path: Path = tmp_path / "w.pth"
    torch.save({"a." * 200_000: torch.zeros(1), "b": torch.zeros(1)}, path)
    assert len(read_weights(path, WEIGHTS)) == 2
