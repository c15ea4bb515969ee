"""What this project does with the same pictures, and the limits: from memory, and decoding alone.

These are the lines that `kedro run` runs, less its reading of manifests and writing of tables.
"""

import bare  # noqa: F401  first: what is not installed here

# isort: split
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import timm
import torch
from course import BATCH as COURSE_BATCH
from course import MEAN, STD

from face_forgery.config_loader import read_parameters
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.loaders import EvalBatches, TrainBatches
from face_forgery.inference.reading import ImageReader, pack_paths, read_batches
from face_forgery.inference.scoring import score_batch
from face_forgery.modeling.detector import Detector, OperatingPoints, Preprocessing, Proportion
from face_forgery.modeling.forward_path import measure_margins
from face_forgery.params import Parameters, check_parameters
from face_forgery.training.loop import train_epochs
from face_forgery.training.memory import keep_freed_memory
from face_forgery.training.start import build_state
from face_forgery.training.step_settings import StepSettings

SEED = 0
MIN_SIZE = 48  # inference.min_size

Precision = Literal["float32", "bfloat16"]


def base_parameters(backbone: str, image_size: int, num_workers: int | None) -> Parameters:
    """Return the base settings with the course's batch and flips; ``None``: the base workers."""
    values = read_parameters(Path(__file__).parents[1] / "conf")
    values["model"]["backbone"] = backbone
    values["preprocessing"]["image_size"] = image_size
    values["augmentation"]["vertical_flip"] = 0.5
    values["training"] |= {"epochs": 1000, "batch_size": COURSE_BATCH, "compile": False}
    if num_workers is not None:
        values["training"]["num_workers"] = values["scoring"]["num_workers"] = num_workers
    return check_parameters(values)


def make_detector(backbone: str, image_size: int) -> Detector:
    """Return an untrained detector that gives verdicts."""
    torch.manual_seed(SEED)
    network = timm.create_model(backbone, pretrained=False, num_classes=2)
    preprocessing = Preprocessing(image_size, "bilinear", MEAN, STD, scaled_decoding=True)
    detector = Detector(backbone, {}, network.state_dict(), preprocessing, 1, "", {}, {})
    return replace(detector, operating_points=_points())


def _points() -> OperatingPoints:
    nothing = Proportion(0.0, 0.0, 1.0)
    return OperatingPoints(
        0.3, 0.6, 0.01, 0.05, 0.01, 0.05, 0, 0, False, 0, 0,
        nothing, nothing, nothing, nothing, nothing, nothing,
    )  # fmt: skip


def training(paths: Sequence[Path], params: Parameters, device: torch.device) -> Callable[[], None]:
    """Return what trains for an epoch."""
    return _training(params, train_batches(params, paths), device)


def training_from_memory(
    paths: Sequence[Path], params: Parameters, device: torch.device
) -> Callable[[], None]:
    """Return what trains for an epoch on as many pictures that are there already."""
    return _training(params, FromMemory(train_batches(params, paths)), device)


def _training(params: Parameters, batches: Any, device: torch.device) -> Callable[[], None]:
    if device.type == "cpu":
        keep_freed_memory()
    num_batches = len(batches.epoch(1))
    size = params.preprocessing.image_size
    state = build_state(params.model, params.training, size, num_batches, device)
    settings = StepSettings.of(params.training, device, num_batches)
    epochs = train_epochs(state, batches, settings, epochs=params.training.epochs)
    return lambda: (next(epochs), None)[1]


def train_batches(params: Parameters, paths: Sequence[Path]) -> TrainBatches:
    """Return the training batches of ``paths``."""
    names = [str(path) for path in paths]
    targets = np.arange(len(paths)) % 2
    return TrainBatches(
        ImageRows.of(pd.DataFrame({"path": names, "target": targets, "sha256": names}), ""),
        params.preprocessing,
        params.augmentation,
        params.training.batch_size,
        SEED,
        params.training.num_workers,
    )


def decoding_for_training(paths: Sequence[Path], params: Parameters) -> Callable[[], None]:
    """Return what gives the batches of an epoch to nobody."""
    batches = train_batches(params, paths)
    return lambda: _exhaust(batches.epoch(1))


class FromMemory:
    """Epochs of the sizes of another's, whose pictures are there already."""

    def __init__(self, batches: TrainBatches) -> None:
        sizes = batches.epoch(1).sizes
        images = _random_images(max(sizes), batches.preprocessing.image_size)
        self._batches = [(images[:size], torch.arange(size) % 2) for size in sizes]

    def epoch(self, number: int) -> "_Pass":
        """Return the same batches whatever the number."""
        return _Pass(self._batches)


class _Pass(list[Any]):
    @property
    def sizes(self) -> list[int]:
        return [len(targets) for _, targets in self]

    @property
    def num_images(self) -> int:
        return sum(self.sizes)

    def after(self, num_batches: int) -> "_Pass":
        return _Pass(self[num_batches:])


def scoring(
    paths: Sequence[Path], params: Parameters, device: torch.device, precision: Precision
) -> Callable[[], None]:
    """Return what scores every picture."""
    detector = _detector(params, precision)
    network = detector.build_network().to(device)
    reader = ImageReader.of(detector, min_size=MIN_SIZE)
    how = {"batch_size": params.scoring.batch_size, "num_workers": params.scoring.num_workers}

    def score() -> None:
        parts = [score_batch(network, batch) for batch in read_batches(paths, reader, **how)]
        if sum(len(part.margins) for part in parts) != len(paths):
            raise RuntimeError("scores are missing")

    return score


def scoring_from_memory(
    paths: Sequence[Path], params: Parameters, device: torch.device, precision: Precision
) -> Callable[[], None]:
    """Return what scores as many pictures that are there already."""
    detector, count = _detector(params, precision), len(paths)
    network = detector.build_network().to(device)
    batch = params.scoring.batch_size
    images = _random_images(min(batch, count), detector.preprocessing.image_size)
    sizes = [min(batch, count - start) for start in range(0, count, batch)]

    def score() -> None:
        for size in sizes:
            measure_margins(network, images[:size], device)

    return score


def decoding_for_scoring(paths: Sequence[Path], params: Parameters) -> Callable[[], None]:
    """Return what reads every picture for nobody."""
    detector = _detector(params, "float32")
    reader = ImageReader.of(detector, min_size=MIN_SIZE)
    how = {"batch_size": params.scoring.batch_size, "num_workers": params.scoring.num_workers}
    return lambda: _exhaust(read_batches(paths, reader, **how))


def preparing(paths: Sequence[Path], image_size: int) -> Callable[[], None]:
    """Return what brings every picture to the network's input, in this process."""
    detector = make_detector("resnet18", image_size)
    reader = ImageReader.of(detector, min_size=MIN_SIZE)
    places = pack_paths(paths)

    def prepare() -> None:
        for place in places:
            reader.read_at(place)

    return prepare


def preparing_from_cache(
    paths: Sequence[Path], params: Parameters, side: int, folder: Path
) -> Callable[[], None]:
    """Return what finds every picture in a full picture cache, in this process."""
    contents = [path.read_bytes() for path in paths]
    manifest = pd.DataFrame(
        {
            "path": [str(path) for path in paths],
            "target": np.arange(len(paths)) % 2,
            "sha256": [hashlib.sha256(content).hexdigest() for content in contents],
            "width": side,
            "height": side,
            "format": "JPEG",
        }
    )
    rows = ImageRows.of(manifest, "", cache_folder=folder)
    batches = EvalBatches(rows, params.preprocessing, len(paths), 0)
    _exhaust(batches)
    pictures = batches._loader.dataset

    def prepare() -> None:
        for index in range(len(pictures)):
            pictures[0, index]

    return prepare


def _detector(params: Parameters, precision: Precision) -> Detector:
    detector = make_detector(params.model.backbone, params.preprocessing.image_size)
    return replace(detector, precision=precision)


def _random_images(count: int, size: int) -> torch.Tensor:
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8)
    return images.pin_memory() if torch.cuda.is_available() else images


def _exhaust(batches: Any) -> None:
    for _ in batches:
        pass
