"""Any bytes as a part of a detector or as a training state: a value, or an error with its place.

The first byte says which file the others become. Checksums always fit: whoever means harm sees to
that.
"""

import hashlib
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import timm
import torch

from face_forgery.modeling.detector import Detector, DetectorError, Preprocessing
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.training.resume import read_state

DESCRIPTION, WEIGHTS, STATE = range(3)


def check(data: bytes) -> None:
    """Raise whatever a user should never see."""
    if not data:
        return
    kind, content = data[0] % 3, data[1:]
    if kind == STATE:
        _check_state(content)
        return
    folder = _folder()
    name = "meta.json" if kind == DESCRIPTION else "model.safetensors"
    whole = {path: path.read_bytes() for path in (folder / "meta.json", folder / name)}
    try:
        (folder / name).write_bytes(content)
        if kind == WEIGHTS:
            _sign(folder)
        _check_detector(folder)
    finally:
        for path, before in whole.items():
            path.write_bytes(before)


def _check_detector(folder: Path) -> None:
    try:
        detector = read_detector(folder)
        detector.build_network()
        detector.identity()
    except DetectorError as error:
        assert str(error), error


def _check_state(content: bytes) -> None:
    path = _folder() / "training_state.pt"
    path.write_bytes(content)
    try:
        read_state(path)
    except ValueError as error:
        assert str(error).startswith(f"{path}: "), error


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
