"""Builders that several test folders use: tiny detectors and pictures of every kind."""

import os

# Several tests run at once; threads of their own would only stand in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# OpenVINO converts each network before its first image; what is tested of it says so itself.
os.environ.setdefault("FACE_FORGERY_ENGINE", "torch")
os.environ.setdefault("DO_NOT_TRACK", "true")  # Kedro would report each of their runs

import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Set
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from kedro.io import AbstractDataset, CatalogConfigResolver
from PIL import Image

from face_forgery.config_loader import ProjectConfigLoader, read_parameters
from face_forgery.modeling.detector import Detector, OperatingPoints, Preprocessing, Proportion
from face_forgery.settings import CONFIG_LOADER_ARGS

PROJECT = Path(__file__).parents[1]
SMALL_SET = "data/01_raw/small"
SMALL_JOB = {
    "data.root": SMALL_SET,
    "model.backbone": "test_resnet",
    "preprocessing.image_size": 64,
    "training.epochs": 2,
    "training.batch_size": 8,
    "training.num_workers": 0,
    "scoring.num_workers": 0,
    "evaluation.num_resamples": 100,
    "audit.num_folds": 2,
    "robustness.num_images": 4,
    "inference.images": f"{SMALL_SET}/testset",
    "inference.explain": "true",
    "explanation.max_images": 2,
}
POINTS = OperatingPoints(
    real_threshold=0.3,
    fake_threshold=0.6,
    target_fpr=0.01,
    target_fnr=0.01,
    promised_fpr=0.0099,
    promised_fnr=0.0099,
    num_real_chosen_on=150,
    num_fake_chosen_on=150,
    is_verified=True,
    num_real=150,
    num_fake=150,
    fpr=Proportion(0.0, 0.0, 0.025),
    tpr=Proportion(0.9, 0.84, 0.94),
    fnr=Proportion(0.0, 0.0, 0.025),
    unsure_real=Proportion(0.1, 0.06, 0.16),
    unsure_fake=Proportion(0.1, 0.06, 0.16),
    coverage=Proportion(1.0, 0.987, 1.0),
)


@pytest.fixture(scope="session")
def request_limits():
    """Return what a server of a small test lets in."""
    from face_forgery.serving.request_limits import Limits

    return Limits(
        hosts=("localhost",),
        max_bytes=2**20,
        max_working=1,
        max_waiting=1,
        body_seconds=9.0,
        content_types=("application/json", "image/*", "application/octet-stream"),
        max_marks=300,
    )


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Name, function -> a folder that the function has filled, once for all test processes.

    Do not write to it.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def build(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return build


@pytest.fixture(scope="session")
def empty_store(build_once: Callable[..., Path]) -> Path:
    """Return an MLflow database without runs, to copy: making one takes seconds."""

    def fill(folder: Path) -> None:
        from face_forgery.hooks.store import import_mlflow

        import_mlflow().MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()

    return build_once("empty_store", fill) / "mlflow.db"


@pytest.fixture(scope="session")
def lay_out_project() -> Callable[[Path], None]:
    """Return a function that copies what a run needs: Kedro refuses code that lies elsewhere."""

    def lay_out(folder: Path) -> None:
        ignored = shutil.ignore_patterns("local", "__pycache__")
        for name in ("conf", "src"):
            shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(PROJECT / name, folder / name)
        (folder / "conf" / "local").mkdir()

    return lay_out


@pytest.fixture(scope="session")
def kedro_run() -> Callable[..., str]:
    """Return a function that runs the small job as people do; it returns what is written."""

    def run(project: Path, *arguments: str, **params: Any) -> str:
        given = ",".join(f"{name}={value}" for name, value in (SMALL_JOB | params).items())
        done = subprocess.run(
            [sys.executable, "-m", "kedro", "run", *arguments, "--params", given],
            cwd=project,
            env=os.environ | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def main_job(
    build_once: Callable[..., Path],
    lay_out_project: Callable[[Path], None],
    kedro_run: Callable[..., str],
) -> Path:
    """Return a project after `kedro run` and inference on a small drawn set with a broken image."""
    from face_forgery.datasets.image_set import ImageSetDataset
    from face_forgery.forgery.rendering.demo_set import draw_set

    def fill(folder: Path) -> None:
        lay_out_project(folder)
        drawn = ImageSetDataset(root=str(folder / SMALL_SET))
        for batch in draw_set({"train": 32, "val": 16, "test": 6}, size=64, seed=0, num_workers=0):
            drawn.save(batch)
        (folder / SMALL_SET / "testset/broken.jpg").write_bytes(b"no image")
        kedro_run(folder, "--pipelines", "__default__,inference")

    return build_once("main_job", fill)


@pytest.fixture(scope="session")
def catalog_entry() -> Callable[[str], dict[str, Any]]:
    """Name -> the entry of the shipped catalog, an explicit one or one of a pattern."""
    conf = str(PROJECT / "conf")
    loader = ProjectConfigLoader(conf, env="base", **CONFIG_LOADER_ARGS)
    resolver = CatalogConfigResolver(config=loader["catalog"])

    def find(name: str) -> dict[str, Any]:
        return deepcopy(resolver.config.get(name) or resolver.resolve_pattern(name))

    return find


@pytest.fixture(scope="session")
def dataset_at(
    catalog_entry: Callable[[str], dict[str, Any]],
) -> Callable[[str, Path], AbstractDataset[Any, Any]]:
    """Name, path -> the dataset of the shipped catalog, with its file at that path."""

    def build(name: str, path: Path) -> AbstractDataset[Any, Any]:
        entry = catalog_entry(name)
        entry.get("dataset", entry)["filepath"] = str(path)
        return AbstractDataset.from_config(name, entry)

    return build


@pytest.fixture(scope="session")
def make_detector() -> Callable[..., Detector]:
    """Return a builder of untrained detectors; seeded and small."""
    import timm
    import torch

    from face_forgery.modeling.truncation import truncate_backbone

    def make(architecture: str = "test_resnet", image_size: int = 32, **changes: Any) -> Detector:
        options = changes.pop("options", {})
        size = {"img_size": image_size} if "vit" in architecture else {}
        channels = {} if changes.get("input", "rgb") == "rgb" else {"in_chans": 6}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            backbone = timm.create_model(architecture, num_classes=2, **size, **channels, **options)
            if changes.get("truncate_after") is not None:
                backbone = truncate_backbone(
                    backbone,
                    changes["truncate_after"],
                    num_classes=2,
                    channels=channels.get("in_chans", 3),
                    image_size=image_size,
                )
            # Untrained heads score every picture alike; spread the scores over [0, 1].
            torch.nn.init.normal_(backbone.get_classifier().weight, std=2.0)
        detector = Detector(
            architecture=architecture,
            options=options,
            weights=backbone.state_dict(),
            preprocessing=Preprocessing(image_size, "bilinear", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)),
            epoch=3,
            data_fingerprint="f" * 64,
            code_version={"face_forgery": "0.0.0", "git_commit": None},
            training={"training": {"seed": 0}},
            metrics={"auc": {"value": 0.9, "low": 0.8, "high": 1.0}},
            operating_points=POINTS,
        )
        return replace(detector, **changes)

    return make


@pytest.fixture(scope="session")
def judge_all() -> Callable[..., Any]:
    """Return a function that judges a table of images as a job does; it returns all rows."""
    import pandas as pd

    from face_forgery.inference.job import run_job
    from face_forgery.inference.scoring import stream_scores

    def judge(detector: Detector, images: pd.DataFrame, *, min_size: int = 1, **how: Any) -> Any:
        how = {"score": stream_scores, "batch_size": 4, "num_workers": 0} | how
        parts = run_job(detector, images, None, min_size=min_size, **how)
        return pd.concat([part.rows for part in parts], ignore_index=True)

    return judge


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., Image.Image]:
    """Return a builder of textured pictures; a seed, a picture."""

    def make(seed: int = 0, *, height: int = 64, width: int = 64) -> Image.Image:
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)

    return make


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Return a function that encodes a picture."""

    def to_bytes(image: Image.Image, file_format: str = "JPEG", **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, file_format, **options)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture(scope="session")
def portraits() -> list[Any]:
    """Four drawn faces with 68 landmarks; do not write to them."""
    from face_forgery.forgery.rendering.portraits import draw_portraits

    made = draw_portraits(4, seed=3)
    for portrait in made:
        portrait.pixels.flags.writeable = False
    return made


@pytest.fixture
def write_photographs(tmp_path: Path, portraits: Any) -> Callable[..., Any]:
    """Return a function that writes pictures of the portraits in turn; it returns the manifest."""
    import pandas as pd

    from face_forgery.data.labels.manifest import MANIFEST_COLUMNS

    def write(num_images: int, *, forged: Set[int], val: Set[int] = frozenset()) -> Any:
        rows = []
        (tmp_path / "trainset").mkdir()
        for index in range(num_images):
            pixels = portraits[index % 4].pixels
            name = f"{index}.png"
            Image.fromarray(pixels).save(tmp_path / "trainset" / name)
            height, width = pixels.shape[:2]
            values = ("val" if index in val else "train", index, name, f"trainset/{name}")
            values += (int(index in forged), f"person {index % 4}", "photo", "mine", None, None)
            values += (width, height, "PNG", None, None, name)
            rows.append(dict(zip(MANIFEST_COLUMNS, values, strict=True)))
        return pd.DataFrame(rows).astype(MANIFEST_COLUMNS)

    return write


@pytest.fixture
def photographs(tmp_path: Path, portraits: Any, write_photographs: Any) -> tuple[str, Any, Any]:
    """Twelve pictures of four people, 2, 5 and 9 of them forged: root, manifest, landmarks."""
    import pandas as pd

    from face_forgery.forgery.making.landmark_table import LANDMARK_COLUMNS

    manifest = write_photographs(12, forged={2, 5, 9})
    points = [
        ("train", index, portraits[index % 4].landmarks.ravel().tolist(), "ok", "")
        for index in range(12)
    ]
    table = pd.DataFrame(points, columns=list(LANDMARK_COLUMNS)).astype(LANDMARK_COLUMNS)
    return str(tmp_path), manifest, table


@pytest.fixture
def awkward_folder(tmp_path: Path, make_picture: Any, encode: Any) -> dict[str, str]:
    """Fill ``tmp_path / "pictures"`` with good and bad pictures; return name -> expected status."""
    folder = tmp_path / "pictures"
    (folder / "empty_folder").mkdir(parents=True)
    turned = Image.Exif()
    turned[0x0112] = 6
    good = make_picture()
    contents = {
        "alpha.png": (encode(good.convert("RGBA"), "PNG"), "ok"),
        "cmyk.jpg": (encode(good.convert("CMYK")), "ok"),
        "empty.jpg": (b"", "unreadable"),
        "good.jpg": (encode(good), "ok"),
        "rotated.jpg": (encode(make_picture(1, height=60, width=90), exif=turned), "ok"),
        "sub/small.png": (encode(make_picture(height=20, width=200), "PNG"), "too_small"),
        "text.jpg": (b"this is no picture, whatever it is called", "unreadable"),
        "truncated.jpg": (encode(make_picture(2, height=200, width=200))[:3000], "unreadable"),
    }
    for name, (content, _) in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return {"empty_folder": "unreadable"} | {name: status for name, (_, status) in contents.items()}


@pytest.fixture
def make_faces(tmp_path: Path) -> Callable[..., Any]:
    """Return a builder of manifests whose images are easy to learn: forgeries are redder."""
    import pandas as pd

    def make(num_images: int = 12, *, seed: int = 0, name: str = "set", size: int = 40) -> Any:
        rng = np.random.default_rng(seed)
        folder = tmp_path / "faces" / name
        folder.mkdir(parents=True)
        targets = np.arange(num_images) % 2
        for index, target in enumerate(targets):
            pixels = rng.integers(0, 160, (size, size, 3))
            pixels[..., 0] += 90 * target
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index:03d}.png")
        names = [f"{name}/{index:03d}.png" for index in range(num_images)]
        return (
            pd.DataFrame(
                {"path": names, "target": targets, "sha256": [f"{name}-{seed}-{i}" for i in names]}
                | {"group": names, "kind": np.where(targets, "red", "real"), "source": "mine"}
            )
            .astype("string")
            .astype({"target": "Int8"})
        )

    return make


@pytest.fixture(scope="session")
def assert_same_state() -> Callable[[Any, Any], None]:
    """Return a function that compares two states of training bit for bit, timings left out."""
    import torch

    def is_same(one: Any, other: Any) -> bool:
        if isinstance(one, torch.Tensor):
            return torch.equal(one, other)
        if isinstance(one, dict):
            names = one.keys() - {"seconds", "images_per_second"}
            return one.keys() == other.keys() and all(is_same(one[n], other[n]) for n in names)
        if isinstance(one, list):
            return len(one) == len(other) and all(map(is_same, one, other))
        return bool(one == other)

    def check(one: Any, other: Any) -> None:
        different = [n for n, value in vars(one).items() if not is_same(value, getattr(other, n))]
        assert not different
        assert is_same(one.weights().weights, other.weights().weights)

    return check


@pytest.fixture(scope="session")
def no_faces() -> Any:
    """``FACE_COLUMNS`` without a row: images are taken whole."""
    import pandas as pd

    from face_forgery.data.images.face_table import FACE_COLUMNS

    return pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)


@pytest.fixture(scope="session")
def make_params() -> Callable[..., Any]:
    """Return a builder of all parameters, small enough for tests; dotted names override."""

    from face_forgery.params import Parameters, check_parameters

    shipped = read_parameters(PROJECT / "conf")  # once: it takes a fifth of a second
    small = {
        "model.backbone": "test_resnet",
        "preprocessing.image_size": 32,
        "training.epochs": 2,
        "training.batch_size": 4,
        "training.num_workers": 0,
        "training.precision": "float32",
        "scoring.batch_size": 8,
        "scoring.num_workers": 0,
    }

    def make(**overrides: Any) -> Parameters:
        values = deepcopy(shipped)
        for name, value in (small | overrides).items():
            *sections, key = name.split(".")
            section = values
            for part in sections:
                section = section[part]
            section[key] = value
        return check_parameters(values)

    return make


@pytest.fixture
def find_red_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every `FaceFinder` take pure red rectangles for faces: no model file is needed.

    What is found follows from the pixels, so cutting, sizes and statuses are tested for real.
    """
    from scipy import ndimage

    from face_forgery.data.images.faces import Face, FaceFinder

    def detect(finder: FaceFinder, pixels: Any) -> list[Face]:
        is_red = (pixels[..., 0] > 200) & (pixels[..., 1] < 60) & (pixels[..., 2] < 60)
        boxes = ndimage.find_objects(ndimage.label(ndimage.binary_closing(is_red))[0])
        faces = []
        for rows, columns in boxes:
            top, left = rows.start, columns.start
            height, width = rows.stop - top, columns.stop - left
            inside = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
            marks = tuple((left + x * width, top + y * height) for x, y in inside)
            faces.append(Face(left, top, width, height, 0.9, marks))
        return sorted(faces, key=lambda face: -face.width * face.height)

    monkeypatch.setattr(FaceFinder, "detect", detect)


@pytest.fixture
def draw_red_faces() -> Callable[..., Image.Image]:
    """Return a builder of grey pictures with red faces: boxes of left, top, width, height."""

    def draw(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (200, 120)) -> Image.Image:
        rng = np.random.default_rng(len(boxes))
        pixels = rng.integers(90, 160, (size[1], size[0], 3)).astype(np.uint8)
        for left, top, width, height in boxes:
            face = rng.integers(0, 55, (height, width, 3)).astype(np.uint8)
            face[..., 0] += 200
            pixels[top : top + height, left : left + width] = face
        return Image.fromarray(pixels)

    return draw


@pytest.fixture
def write_clip(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that encodes images, given with their times, as a clip."""
    import av

    def write(
        name,
        images,
        *,
        rate=10,
        times=None,
        codec="mpeg4",
        pix_fmt="yuv420p",
        options=None,
        rotation=None,
        aspect=None,
        container_options=None,
    ):
        path = tmp_path / name
        images = list(images)
        path.parent.mkdir(exist_ok=True)
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.pix_fmt = pix_fmt
            stream.height, stream.width = images[0].shape[:2]
            stream.bit_rate = 4_000_000
            stream.codec_context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
            if aspect is not None:
                stream.sample_aspect_ratio = Fraction(*aspect)
            if rotation is not None:
                stream.set_display_rotation(rotation)
            for index, pixels in enumerate(images):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.time_base = stream.codec_context.time_base
                frame.pts = round(1000 * times[index]) if times else index
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
