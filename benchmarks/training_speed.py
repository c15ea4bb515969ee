"""Training images a second: the course's loop against this project's, and the limit of memory.

Run: python benchmarks/training_speed.py [--pictures 640] [--side 512] [--image-size 256]
     [--backbone resnet18] [--rounds 3] [--precision auto]

The same JPEGs (smooth noise), the same untrained network and the same input size everywhere:
neither content nor weights change what a picture costs. The course's loop is written as its notes
describe it: Pillow, resize, flips, normalization, batches of 40, four workers, float32, Adam. The
project's is what `kedro run --pipelines training` runs between two validations, with the same
batches and augmentation. The limit: the project's loop fed from memory. They take turns, so that
another load on the machine meets them all, and the median round counts.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import timm
import torch
import yaml
from inference_speed import write_pictures
from PIL import Image
from place import describe_place
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from face_forgery.data.loaders import ImageRows, TrainBatches
from face_forgery.modeling.scoring import pick_device
from face_forgery.params import Parameters, check_parameters
from face_forgery.training.loop import train_epochs
from face_forgery.training.settings import StepSettings
from face_forgery.training.start import build_state

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COURSE_BATCH, COURSE_WORKERS = 40, 4
SEED = 0


def main() -> None:
    """Measure everything in turns."""
    options = _parse()
    print(describe_place("torch", "torchvision", "timm", "pillow"))
    print(f"seed {SEED}, {torch.get_num_threads()} threads, {options}")
    params = _parameters(options)
    with tempfile.TemporaryDirectory() as folder:
        names = write_pictures(Path(folder), options.pictures, options.side)
        rows = ImageRows.of(
            pd.DataFrame({"path": names, "target": np.arange(len(names)) % 2, "sha256": names}),
            folder,
        )
        arms = {
            "the course's loop": _course(rows, options),
            "training": _ours(params, _batches(rows, params)),
            "fed from memory": _ours(params, _FromMemory(_batches(rows, params))),
        }
        rates: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(options.rounds):
            for name, epoch in arms.items():
                start = time.perf_counter()
                epoch()
                rates[name].append(options.pictures / (time.perf_counter() - start))
    _report(rates)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=640)
    parser.add_argument("--side", type=int, default=512, help="pixels of a picture")
    parser.add_argument("--image-size", type=int, default=256, help="pixels of the input")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    return parser.parse_args()


def _parameters(options: argparse.Namespace) -> Parameters:
    conf = Path(__file__).parents[1] / "conf/base/parameters.yml"
    values = yaml.safe_load(conf.read_text())
    values["model"]["backbone"] = options.backbone
    values["preprocessing"]["image_size"] = options.image_size
    values["augmentation"]["vertical_flip"] = 0.5
    values["training"] |= {
        "epochs": 1000,
        "batch_size": COURSE_BATCH,
        "precision": options.precision,
        "compile": False,
    }
    return check_parameters(values)


class _CoursePictures(Dataset[Any]):
    """The course's data set: Pillow, then a chain of transforms a picture."""

    def __init__(self, rows: ImageRows, image_size: int) -> None:
        self._rows = rows
        self._transform = transforms.Compose(
            [
                transforms.Resize((image_size, image_size)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Any:
        path = Path(self._rows.root) / self._rows.paths[index].as_py()
        image = Image.open(path).convert("RGB")
        return self._transform(image), int(self._rows.targets[index])


def _course(rows: ImageRows, options: argparse.Namespace) -> Callable[[], None]:
    device = pick_device()
    network = timm.create_model(options.backbone, pretrained=False, num_classes=2).to(device)
    optimizer = torch.optim.Adam(network.parameters(), 0.005)
    loader = DataLoader(
        _CoursePictures(rows, options.image_size),
        batch_size=COURSE_BATCH,
        shuffle=True,
        num_workers=COURSE_WORKERS,
        pin_memory=torch.cuda.is_available(),
    )

    def epoch() -> None:
        network.train()
        for images, targets in loader:
            logits = network(images.to(device, non_blocking=True))
            loss = torch.nn.functional.cross_entropy(logits, targets.to(device, non_blocking=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def _batches(rows: ImageRows, params: Parameters) -> TrainBatches:
    return TrainBatches(
        rows,
        params.preprocessing,
        params.augmentation,
        params.training.batch_size,
        SEED,
        params.training.num_workers,
    )


class _FromMemory:
    """Epochs of the sizes of another's, whose pictures are there already."""

    def __init__(self, batches: TrainBatches) -> None:
        size = batches.preprocessing.image_size
        self._batches = [
            (
                torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8),
                torch.arange(count) % 2,
            )
            for count in batches.epoch(1).sizes
        ]

    def epoch(self, number: int) -> "_Pass":
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


def _ours(params: Parameters, batches: Any) -> Callable[[], None]:
    device = pick_device()
    num_batches = len(batches.epoch(1))
    size = params.preprocessing.image_size
    state = build_state(params.model, params.training, size, num_batches, device)
    settings = StepSettings.of(params.training, device, num_batches)
    epochs = train_epochs(state, batches, settings, epochs=params.training.epochs)
    return lambda: (next(epochs), None)[1]


def _report(rates: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in rates.items()}
    course, memory = medians["the course's loop"], medians["fed from memory"]
    print(f"  {'':22s}{'images/s':>10s}{'x course':>10s}{'of memory':>10s}   rounds")
    for name, rate in medians.items():
        rounds = " ".join(f"{value:.1f}" for value in rates[name])
        print(f"  {name:22s}{rate:10.1f}{rate / course:10.2f}{rate / memory:10.2f}   {rounds}")


if __name__ == "__main__":
    main()
