"""The entry points of bad input: each hands a made input to the code that meets it."""

import copy
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from face_forgery.config_loader import ProjectConfigLoader, read_parameters
from face_forgery.data.images.decoding import ImageError, read_rgb
from face_forgery.data.images.inspection import inspect_table
from face_forgery.data.images.listing import list_images
from face_forgery.data.labels.readers import LabelFile, LabelFolder, read_labels
from face_forgery.datasets.atomic import AtomicDataset
from face_forgery.datasets.user_files import LandmarkFileDataset
from face_forgery.evaluation.comparison import align_scores
from face_forgery.forgery.making.landmark_table import find_landmarks
from face_forgery.inference.scoring import score_files
from face_forgery.inference.submission import check_submission
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.factory import build_network
from face_forgery.params import DataParams, IngestionParams, check_parameters
from face_forgery.training.resume import read_state

BASE = read_parameters(Path(__file__).parents[2] / "conf")
SCORES = pd.DataFrame({"img_name": ["a", "b", "c"], "target": [0, 1, 1], "y_pred": [0.1, 0.9, 0.5]})
GIVEN = SCORES[["img_name", "y_pred"]]

Made = Any
EntryPoint = Callable[[Made], Any]


def _read_labels(source: LabelFile | LabelFolder, subset: str) -> pd.DataFrame:
    where = "faces" if isinstance(source, LabelFolder) else "labels.txt"
    names = {f"{side}_labels": where for side in ("train", "val", "test")}
    folders = {f"{side}_images": "faces" for side in ("train", "val", "test")}
    data = DataParams(**BASE["data"] | names | folders)
    return read_labels({subset: source}, data, IngestionParams(**BASE["ingestion"]))


def _inspect(root: Path, name: str, check: str) -> tuple[str, str]:
    """Return status and reason of one image of a training set, beside a good one."""
    table = _read_labels(LabelFile("labels.txt", f'"{name}",0\ngood.png,1\n'.encode()), "train")
    folders = {"train": "faces"}
    facts = inspect_table(table, root=root, image_folders=folders, num_workers=0, check=check)
    assert facts["status"][1] == "ok"
    return facts["status"][0], facts["detail"][0].replace(f" in {root / 'faces'}", "")


def _decode(path: Path) -> tuple[str, str]:
    """Return status and reason of one image, as inference meets it."""
    try:
        pixels = read_rgb(path)
    except ImageError as error:
        return error.status, error.detail
    assert pixels.shape[2] == 3
    return "ok", ""


def _edit(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    edited = copy.deepcopy(values)
    for name, value in changes.items():
        *sections, key = name.split(".")
        inner = edited
        for section in sections:
            inner = inner[section]
        inner[key] = value
    return edited


def edit_meta(folder: Path, **changes: Any) -> None:
    path = folder / "meta.json"
    path.write_text(json.dumps(_edit(json.loads(path.read_text()), changes)))


def sign(folder: Path) -> None:
    """Make the checksums fit, as somebody with bad intentions would."""
    names = ("config.json", "model.safetensors")
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    edit_meta(folder, sha256=sums)


def _write(name: str, data: bytes) -> Path:
    path = Path(name)  # of the test's own folder
    path.write_bytes(data)
    return path


def _load_table(content: tuple[str, bytes]) -> Any:
    """Load a Parquet or CSV table that an earlier run wrote, damaged since."""
    path = _write(*content)
    kind = "Parquet" if path.suffix == ".parquet" else "CSV"
    return AtomicDataset(dataset={"type": f"pandas.{kind}Dataset", "filepath": str(path)}).load()


def _read_parameter_file(text: bytes) -> Any:
    """Read the text of a ``parameters.yml`` as a run does."""
    Path("base").mkdir()
    _write("base/parameters.yml", text)
    loader = ProjectConfigLoader(str(Path.cwd()), base_env="base", default_run_env="base")
    return check_parameters(loader["parameters"])


def _read_landmarks(data: bytes) -> Any:
    row = {"subset": "train", "row": 0, "target": 0, "path": "a.jpg", "img_name": "a.jpg"}
    manifest = pd.DataFrame([row | {"height": 100, "width": 100}])
    table = LandmarkFileDataset(filepath=str(_write("landmarks.csv", data))).load()
    return find_landmarks(manifest, table, None, root=Path.cwd(), num_workers=0)


def _build(changes: dict[str, Any]) -> Any:
    return build_network(check_parameters(_edit(BASE, changes)).model, 32)


PLAIN: dict[str, EntryPoint] = {
    "labels": lambda data: _read_labels(LabelFile("labels.txt", data), "train"),
    "names": lambda data: _read_labels(LabelFile("labels.txt", data), "test"),
    "label folder": lambda names: _read_labels(LabelFolder("faces", names), "train"),
    "parameters": lambda changes: check_parameters(_edit(BASE, changes)),
    "model": _build,
    "starting weights": lambda content: _build(
        {"model.weights": str(_write(*content)), "model.backbone": "test_resnet"}
    ),
    "training state": lambda data: read_state(_write("training_state.pt", data)),
    "table": _load_table,
    "parameter file": _read_parameter_file,
    "landmarks": _read_landmarks,
    "image list": lambda data: list(list_images(_write("list.csv", data))["img_name"]),
    "submission": lambda damage: check_submission(damage(GIVEN), SCORES["img_name"]),
    # A table of another detector's scores; whether it comes first changes nothing.
    "scores": lambda damage: align_scores({"other": damage(SCORES), "ours": SCORES}),
    "images": list_images,
}


@pytest.fixture
def entry_point(request: pytest.FixtureRequest) -> EntryPoint:
    """Return the entry point of a kind of input."""
    if request.param in PLAIN:
        return PLAIN[request.param]
    opened: EntryPoint = request.getfixturevalue(f"{request.param.replace(' ', '_')}_entry")
    return opened


@pytest.fixture
def image_root(tmp_path: Path) -> Path:
    (tmp_path / "faces").mkdir()
    Image.new("RGB", (40, 40), "red").save(tmp_path / "faces" / "good.png")
    return tmp_path


@pytest.fixture
def image_entry(image_root: Path) -> EntryPoint:
    """An encoded image: training lists it for the reason that inference gives."""

    def enter(data: bytes) -> tuple[str, str]:
        path = image_root / "faces" / "x.jpg"
        path.write_bytes(data)
        listed = _inspect(image_root, "x.jpg", "pixels")
        assert _decode(path) == listed
        return listed

    return enter


@pytest.fixture
def image_file_entry(image_root: Path) -> EntryPoint:
    """A name in the image folder, or what it stands for; however files are looked at."""

    def enter(make: Callable[[Path], str]) -> tuple[str, str]:
        name = make(image_root / "faces")
        found = _inspect(image_root, name, "headers")
        assert _inspect(image_root, name, "pixels") == found
        status, reason = _decode(image_root / "faces" / name)
        assert status == found[0]
        assert found[1].startswith(reason)  # ingestion adds which file has nearly the name
        return found

    return enter


@pytest.fixture(scope="session")
def whole_detector(tmp_path_factory: pytest.TempPathFactory, make_detector: Any) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("whole") / "detector"
    folder.mkdir()
    write_detector(make_detector(), folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def detector_entry(tmp_path: Path, whole_detector: dict[str, Any]) -> EntryPoint:
    """A detector's folder with other contents: read, and one image scored.

    ``files`` are contents by name: bytes, a function of the old ones, ``None`` for a folder or
    ``pipe`` for a pipe in its place. ``meta`` are values of ``meta.json`` by dotted name. Checksums
    fit where ``signed``.
    """

    def enter(made: dict[str, Any]) -> float:
        folder = tmp_path / "detector"
        folder.mkdir()
        for name, content in whole_detector.items():
            other = made.get("files", {}).get(name, content)
            if other is None:
                (folder / name).mkdir()
            elif other == "pipe":
                os.mkfifo(folder / name)
            elif other == "/dev/zero":
                (folder / name).symlink_to(other)
            else:
                (folder / name).write_bytes(other(content) if callable(other) else other)
        if made.get("signed"):
            sign(folder)
        if made.get("meta"):
            edit_meta(folder, **made["meta"])
        image = tmp_path / "image.png"
        Image.new("RGB", (64, 64), "red").save(image)
        scored = score_files(
            read_detector(folder), [image], batch_size=1, num_workers=0, description="scoring"
        )
        return float(scored.scores[0])

    return enter


@pytest.fixture
def ensemble_entry(tmp_path: Path, make_detector: Any) -> EntryPoint:
    """An ensemble of one member after ``damage``; its checksum of the member always fits."""

    def enter(damage: Callable[[Path], dict[str, Any] | None]) -> Any:
        folder, member = tmp_path / "ensemble", make_detector()
        folder.mkdir()
        own = {"data_fingerprint": member.data_fingerprint, "code_version": member.code_version}
        write_detector(join_detectors({"a": member}, **own, other_data="refuse"), folder)
        changes = damage(folder) or {}
        content = (folder / "members/1_test_resnet/meta.json").read_bytes()
        fits = {"sha256": {"members/1_test_resnet/meta.json": hashlib.sha256(content).hexdigest()}}
        edit_meta(folder, **fits | changes)
        return read_detector(folder)

    return enter
