"""Any bytes as a part of a detector or as a training state: a value, or an error with its place.

The first byte says which file the others become. Checksums always fit: whoever means harm sees to
that.
"""

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import timm
import torch
from memory import check_not_of_memory

from face_forgery.modeling.detector import BackboneError, Detector, DetectorError, Preprocessing
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.weights import read_weights
from face_forgery.training.resume import read_state

DESCRIPTION, WEIGHTS, STATE, PICKLE, OPTIONS = range(5)


def check(data: bytes) -> None:
    """Raise whatever a user should never see."""
    if not data:
        return
    kind, content = data[0] % 5, data[1:]
    if kind in (STATE, PICKLE):
        content = _archive(content) if kind == PICKLE else content
        _check_state(content)
        _check_weights(content)
        return
    folder = _folder()
    name = "model.safetensors" if kind == WEIGHTS else "meta.json"
    whole = {path: path.read_bytes() for path in (folder / "meta.json", folder / name)}
    try:
        if kind == OPTIONS:
            content = _describe(json.loads(whole[folder / name]), content)
        (folder / name).write_bytes(content)
        if kind == WEIGHTS:
            _sign(folder)
        _check_detector(folder)
    finally:
        for path, before in whole.items():
            path.write_bytes(before)


def _describe(meta: dict[str, object], content: bytes) -> bytes:
    """Put ``SIZE ARCHITECTURE {OPTIONS}`` into a description; what is none stays text."""
    size, _, rest = content.decode("utf-8", "replace").partition(" ")
    architecture, _, options = rest.partition(" ")
    try:
        meta["options"] = json.loads(options)
    except (ValueError, RecursionError):
        meta["options"] = {}
    preprocessing = meta["preprocessing"]
    assert isinstance(preprocessing, dict)
    preprocessing["image_size"] = int(size) if size.isdecimal() and len(size) < 9 else size
    meta["architecture"] = architecture
    return json.dumps(meta).encode()


def _archive(pickle: bytes) -> bytes:
    """Return an archive as torch writes them, with ``pickle`` and four records of 64 bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/byteorder", "little")
        for number in range(4):
            archive.writestr(f"archive/data/{number}", bytes(64))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def _check_detector(folder: Path) -> None:
    try:
        detector = read_detector(folder)
        detector.build_network()
        detector.identity()
    except DetectorError as error:
        check_not_of_memory(error)
        assert str(error).isprintable(), error


def _check_state(content: bytes) -> None:
    path = _folder() / "training_state.pt"
    path.write_bytes(content)
    try:
        read_state(path)
    except ValueError as error:
        check_not_of_memory(error)
        assert str(error).startswith(f"{path}: "), error


def _check_weights(content: bytes) -> None:
    path = _folder() / "weights.pth"
    path.write_bytes(content)
    try:
        read_weights(path, {"head.fc.weight": torch.zeros(2, 8)})
    except BackboneError as error:
        check_not_of_memory(error)
        assert str(error).isprintable(), error


def _sign(folder: Path) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    for name in meta["sha256"]:
        meta["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))


@cache
def _folder() -> Path:
    """Return a folder with a small whole detector; made once."""
    import atexit

    home = Path(tempfile.mkdtemp(prefix="face-forgery-fuzz-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    folder = home / "detector"
    folder.mkdir()
    torch.manual_seed(0)
    backbone = timm.create_model("test_resnet", num_classes=2)
    detector = Detector(
        architecture="test_resnet",
        options={},
        weights=backbone.state_dict(),
        preprocessing=Preprocessing(32, "bilinear", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        epoch=1,
        data_fingerprint="f" * 64,
        code_version={"face_forgery": "0.0.0"},
        training={"training": {"seed": 0}},
    )
    write_detector(detector, folder)
    return folder
