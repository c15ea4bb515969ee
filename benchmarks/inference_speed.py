"""Pictures a second: the course's predict loop against this project's, and the limits of both.

Run: python benchmarks/inference_speed.py [--pictures 2048] [--side 512] [--image-size 256]
     [--backbone resnet18]

The same JPEGs (smooth noise), the same untrained network and the same input size everywhere:
neither content nor weights change what a picture costs. The course's loop is written as its notes
describe it: Pillow, resize, normalization, batches of 40, four workers, float32. The project's is
what `kedro run --pipelines inference` runs, from the list of files to rows of verdicts on disk.
The limits: the network fed from memory, and the decoder that feeds no network.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from place import describe_place
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from face_forgery.data.pictures import list_pictures
from face_forgery.datasets.predictions import PredictionsDataset
from face_forgery.inference.job import run_job
from face_forgery.inference.reading import PictureReader, read_batches
from face_forgery.modeling.detector import Detector, OperatingPoints, Preprocessing, Share
from face_forgery.modeling.scoring import measure_margins, pick_device

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NUM_DRAWN = 64  # different pictures; the others are copies under names of their own
COURSE_BATCH, COURSE_WORKERS = 40, 4
BATCH, WORKERS = 64, 2
SEED = 0


def main() -> None:
    """Measure everything in one run."""
    options = _parse()
    print(describe_place("torch", "torchvision", "timm", "pillow"))
    print(f"seed {SEED}, {torch.get_num_threads()} threads, {options}")
    detector = make_detector(options.backbone, options.image_size)
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), options.pictures, options.side)
        rates = {
            "the course's loop": _rate(options.pictures, lambda: _course(detector, Path(folder)))
        }
        for precision in ("float32", "bfloat16"):
            ours = replace(detector, precision=precision)
            rates[f"inference, {precision}"] = _rate(
                options.pictures, lambda ours=ours: _ours(ours, Path(folder))
            )
            rates[f"network alone, {precision}"] = _network_alone(ours)
        rates["decoding and resizing alone"] = _rate(
            options.pictures, lambda: _decode(detector, Path(folder))
        )
    _report(rates)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--side", type=int, default=512, help="pixels of a picture")
    parser.add_argument("--image-size", type=int, default=256, help="pixels of the input")
    parser.add_argument("--backbone", default="resnet18")
    return parser.parse_args()


def make_detector(backbone: str, image_size: int) -> Detector:
    """Return an untrained detector that gives verdicts."""
    torch.manual_seed(SEED)
    network = timm.create_model(backbone, pretrained=False, num_classes=2)
    preprocessing = Preprocessing(image_size, "bilinear", MEAN, STD, scaled_decoding=True)
    detector = Detector(backbone, {}, network.state_dict(), preprocessing, 1, "", {}, {})
    return replace(detector, operating_points=_points())


def _points() -> OperatingPoints:
    nothing = Share(0.0, 0.0, 1.0)
    return OperatingPoints(
        0.3, 0.6, 0.01, 0.05, 0.01, 0.05, 0, 0, False, 0, 0,
        nothing, nothing, nothing, nothing, nothing, nothing,
    )  # fmt: skip


def write_pictures(folder: Path, count: int, side: int) -> list[str]:
    """Write JPEGs of ``side`` x ``side`` pixels into ``folder``; return their names."""
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(min(count, NUM_DRAWN)):
        coarse = rng.integers(0, 256, (14, 14, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        noisy = np.asarray(smooth) + rng.normal(0, 6, (side, side, 3))
        path = folder / "drawn.jpg"
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)
        drawn.append(path.read_bytes())
        path.unlink()
    names = [f"{number:06d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(drawn[number % len(drawn)])
    return names


class _CoursePictures(Dataset[Any]):
    """The course's data set: Pillow, then a chain of transforms a picture."""

    def __init__(self, paths: list[Path], image_size: int) -> None:
        self._paths = paths
        self._transform = transforms.Compose(
            [
                transforms.Resize((image_size, image_size)),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Any:
        image = Image.open(self._paths[index]).convert("RGB")
        return self._transform(image), 0


def _course(detector: Detector, folder: Path) -> None:
    network = timm.create_model(detector.architecture, pretrained=False, num_classes=2)
    network.load_state_dict(detector.weights)
    device = pick_device()
    network.to(device).eval()
    loader = DataLoader(
        _CoursePictures(sorted(folder.glob("*.jpg")), detector.preprocessing.image_size),
        batch_size=COURSE_BATCH,
        shuffle=False,
        num_workers=COURSE_WORKERS,
        pin_memory=torch.cuda.is_available(),
    )
    scores = []
    with torch.no_grad():
        for images, _ in loader:
            scores.append(torch.softmax(network(images.to(device)), dim=1)[:, 1].cpu())
    torch.cat(scores)


def _ours(detector: Detector, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as out:
        predictions = PredictionsDataset(filepath=f"{out}/predictions.csv")
        pictures = list_pictures(folder)
        for part in run_job(
            detector, pictures, None, min_size=48, batch_size=BATCH, num_workers=WORKERS
        ):
            predictions.save(part)
        if len(predictions.load()) != len(pictures):
            raise RuntimeError("verdicts are missing")


def _network_alone(detector: Detector, seconds: float = 20.0) -> float:
    size = detector.preprocessing.image_size
    images = torch.randint(0, 256, (BATCH, 3, size, size), dtype=torch.uint8)
    device = pick_device()
    network = detector.build_network().to(device)
    measure_margins(network, images, device)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        measure_margins(network, images, device)
        count += len(images)
    return count / (time.perf_counter() - start)


def _decode(detector: Detector, folder: Path) -> None:
    reader = PictureReader.of(detector, min_size=48)
    paths = sorted(folder.glob("*.jpg"))
    for _ in read_batches(paths, reader, batch_size=BATCH, num_workers=WORKERS):
        pass


def _rate(count: int, work: Callable[[], None]) -> float:
    with _clock() as seconds:
        work()
    return count / seconds[0]


@contextmanager
def _clock() -> Iterator[list[float]]:
    seconds: list[float] = []
    start = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - start)


def _report(rates: dict[str, float]) -> None:
    course = rates["the course's loop"]
    print(f"  {'':30s}{'pictures/s':>10s}{'x course':>10s}{'of limit':>10s}")
    for name, rate in rates.items():
        limit = rates.get(name.replace("inference", "network alone"), rate)
        share = f"{rate / limit:10.2f}" if name.startswith("inference") else ""
        print(f"  {name:30s}{rate:10.1f}{rate / course:10.2f}{share}")


if __name__ == "__main__":
    main()
