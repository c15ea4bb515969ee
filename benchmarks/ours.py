"""What this project does with the same images, and the limits: from memory, and decoding alone.

These are the lines that `kedro run` runs, less its reading of manifests and writing of tables.
"""

import measuring  # noqa: F401  first: it finds the package where it is not installed

# isort: split
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import timm
import torch
import yaml
from course import BATCH as COURSE_BATCH
from course import MEAN, STD
from filelock import FileLock

from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import train_loader
from face_forgery.data.loading.workers import iterate
from face_forgery.inference.reading import ImageReader, pack_paths, read_batches
from face_forgery.inference.scoring import score_batch
from face_forgery.modeling.detector import Detector, OperatingPoints, Preprocessing, Proportion
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.engines.choice import build_scorer
from face_forgery.modeling.engines.quantization import quantize
from face_forgery.modeling.forward_path import measure_margins
from face_forgery.params import EngineName, Parameters, Precision, check_parameters
from face_forgery.training.loop import train_epochs
from face_forgery.training.run import keep_freed_memory
from face_forgery.training.state import build_state
from face_forgery.training.step_settings import StepSettings

SEED = 0
NUM_RANGES = 8  # images that an int8 network learns its ranges from
MIN_SIZE = 48  # inference.min_size


def base_parameters(backbone: str, image_size: int, num_workers: int | None) -> Parameters:
    """Return the base settings with the course's batch and flips; ``None``: the base workers."""
    workers = {} if num_workers is None else {"num_workers": num_workers}
    return change_parameters(
        {
            "model.backbone": backbone,
            "preprocessing.image_size": image_size,
            "augmentation.vertical_flip": 0.5,
            "training.epochs": 1000,
            "training.batch_size": COURSE_BATCH,
            "training.compile": False,
        }
        | {f"{part}.{name}": n for part in ("training", "scoring") for name, n in workers.items()}
    )


def change_parameters(changes: dict[str, Any]) -> Parameters:
    """Return the base settings but for ``changes``, by dotted names."""
    files = sorted((Path(__file__).parents[1] / "conf/base").glob("parameters*.yml"))
    values = {k: v for file in files for k, v in yaml.safe_load(file.read_text()).items()}
    for name, value in changes.items():
        *sections, key = name.split(".")
        reduce(dict.__getitem__, sections, values)[key] = value
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
    return _training(params, training_loader(paths, params), device)


def training_from_memory(
    paths: Sequence[Path], params: Parameters, device: torch.device
) -> Callable[[], None]:
    """Return what trains for an epoch on as many images that are there already."""
    return _training(params, FromMemory(training_loader(paths, params)), device)


def _training(params: Parameters, loader: Any, device: torch.device) -> Callable[[], None]:
    if device.type == "cpu":
        keep_freed_memory()
    num_batches = len(loader)
    size = params.preprocessing.image_size
    state = build_state(params.model, params.training, size, num_batches, device)
    settings = StepSettings.of(params.training, device, num_batches)
    epochs = train_epochs(state, loader, settings, epochs=params.training.epochs)
    return lambda: (next(epochs), None)[1]


def training_loader(paths: Sequence[Path], params: Parameters) -> Any:
    """Return the loader of training over ``paths``."""
    names = [str(path) for path in paths]
    targets = np.arange(len(paths)) % 2
    dataset = ImageDataset.of(
        pd.DataFrame({"path": names, "target": targets, "sha256": names}),
        "",
        params.preprocessing,
        augmentation=params.augmentation,
        seed=SEED,
    )
    return train_loader(dataset, params.training)


def decoding_for_training(paths: Sequence[Path], params: Parameters) -> Callable[[], None]:
    """Return what gives the batches of an epoch to nobody."""
    loader = training_loader(paths, params)
    return lambda: _exhaust(iterate(loader))


class FromMemory:
    """A loader with the batches of another one, whose images are there already."""

    def __init__(self, loader: Any) -> None:
        self.batch_size, self.sampler = loader.batch_size, loader.sampler
        image_size = loader.dataset.preprocessing.image_size
        self._images = random_images(self.batch_size, image_size)

    def __len__(self) -> int:
        return math.ceil(len(self.sampler) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for start in range(0, len(self.sampler), self.batch_size):
            size = min(self.batch_size, len(self.sampler) - start)
            yield self._images[:size], torch.arange(size) % 2


def scoring(
    paths: Sequence[Path],
    params: Parameters,
    device: torch.device,
    engine: EngineName,
    precision: Precision,
) -> Callable[[], None]:
    """Return what scores every image."""
    detector = _detector(params, precision)
    network = build_scorer(detector, engine, device)
    reader = ImageReader.of(detector, min_size=MIN_SIZE)
    how = {"batch_size": params.scoring.batch_size, "num_workers": params.scoring.num_workers}

    def score() -> None:
        parts = [score_batch(network, batch) for batch in read_batches(paths, reader, **how)]
        if sum(len(part.margins) for part in parts) != len(paths):
            raise RuntimeError("scores are missing")

    return score


def scoring_from_memory(
    paths: Sequence[Path],
    params: Parameters,
    device: torch.device,
    engine: EngineName,
    precision: Precision,
) -> Callable[[], None]:
    """Return what scores as many images that are there already."""
    detector, count = _detector(params, precision), len(paths)
    network = build_scorer(detector, engine, device)
    batch = params.scoring.batch_size
    images = random_images(min(batch, count), detector.preprocessing.image_size)
    sizes = [min(batch, count - start) for start in range(0, count, batch)]

    def score() -> None:
        for size in sizes:
            measure_margins(network, images[:size], device)

    return score


def decoding_for_scoring(paths: Sequence[Path], params: Parameters) -> Callable[[], None]:
    """Return what reads every image for nobody."""
    detector = _detector(params, "float32")
    reader = ImageReader.of(detector, min_size=MIN_SIZE)
    how = {"batch_size": params.scoring.batch_size, "num_workers": params.scoring.num_workers}
    return lambda: _exhaust(read_batches(paths, reader, **how))


def preparing(paths: Sequence[Path], image_size: int) -> Callable[[], None]:
    """Return what brings every image to the network's input, in this process."""
    detector = make_detector("resnet18", image_size)
    reader = ImageReader.of(detector, min_size=MIN_SIZE)
    rows = pack_paths(paths)

    def prepare() -> None:
        for row in rows:
            reader.read_at(row)

    return prepare


def _detector(params: Parameters, precision: Precision) -> Detector:
    size = params.preprocessing.image_size
    detector = make_detector(params.model.backbone, size)
    if precision != "int8":
        return replace(detector, precision=precision)
    # Quantizing takes far longer than a measurement: the processes of a run share what one made.
    folder = Path(os.environ["XDG_CACHE_HOME"], f"int8-{params.model.backbone}-{size}")
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            write_detector(quantize(detector, list(random_images(NUM_RANGES, size))), folder)
        return read_detector(folder)


def random_images(count: int, size: int) -> torch.Tensor:
    """Return ``(count, 3, size, size)`` uint8, as a loader gives them."""
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8)
    return images.pin_memory() if torch.cuda.is_available() else images


def _exhaust(batches: Any) -> None:
    for _ in batches:
        pass
