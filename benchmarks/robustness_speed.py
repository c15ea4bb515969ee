"""How long the robustness pipeline takes, and where the time goes.

Run: python benchmarks/robustness_speed.py [--images 40] [--side 224] [--workers 2]

Pictures are made of smooth noise and the network is the default backbone, untrained: neither
changes what a step costs. Prints hardware, versions and the commit first.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image

from face_forgery.forgery.degradation.levels import apply, list_degradations, make_rng
from face_forgery.inference.degraded_scoring import score_degraded
from face_forgery.modeling.detector import Detector, Preprocessing

IMAGE_SIZE = 160
BATCH = 16


def main() -> None:
    """Measure steps alone, then the whole."""
    arguments = _parse()
    _print_place()
    pictures = [_draw(seed, arguments.side) for seed in range(arguments.images)]
    _time_degradations(pictures[:8])
    detector = _make_detector()
    _time_forward(detector)
    _time_whole(detector, pictures, arguments.workers)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--side", type=int, default=224, help="pixels")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _print_place() -> None:
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    print(f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores", end="; ")
    print(f"load {os.getloadavg()[0]:.1f} at the start; torch {torch.__version__}", end=", ")
    print(f"{torch.get_num_threads()} threads; commit {commit.stdout.strip()}")


def _draw(seed: int, side: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (14, 14, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(smooth) + rng.normal(0, 6, (side, side, 3)), 0, 255).astype(np.uint8)


def _make_detector() -> Detector:
    backbone = timm.create_model("resnet18", pretrained=False, num_classes=2)
    preprocessing = Preprocessing(IMAGE_SIZE, "bilinear", (0.5,) * 3, (0.25,) * 3)
    return Detector("resnet18", {}, backbone.state_dict(), preprocessing, 1, "", {}, {})


def _time_degradations(pictures: list[np.ndarray]) -> None:
    seconds: dict[str, list[float]] = defaultdict(list)
    for degradation in list_degradations():
        for picture in pictures:
            start = time.perf_counter()
            apply(degradation, picture, make_rng(picture, degradation))
            seconds[degradation.name].append(time.perf_counter() - start)
    for name, measured in seconds.items():
        print(f"  {name:22s}{1e3 * float(np.median(measured)):8.2f} ms a picture and level")
    total = sum(sum(measured) for measured in seconds.values()) / len(pictures)
    print(
        f"  all {len(list_degradations())} degradations: {1e3 * total:.0f} ms a picture, one core"
    )


def _time_forward(detector: Detector) -> None:
    network = detector.build_network()
    images = torch.randint(0, 256, (BATCH, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=torch.uint8)

    def in_float32() -> None:
        with torch.inference_mode():
            network(images)

    def in_bfloat16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            in_float32()

    for name, forward in (("float32", in_float32), ("bfloat16", in_bfloat16)):
        print(f"  forward in {name}: {BATCH / _median_seconds(forward):.0f} images/s")


def _median_seconds(step: Callable[[], None], repetitions: int = 20) -> float:
    step()
    measured = []
    for _ in range(repetitions):
        start = time.perf_counter()
        step()
        measured.append(time.perf_counter() - start)
    return float(np.median(measured))


def _time_whole(detector: Detector, pictures: list[np.ndarray], workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            Image.fromarray(picture).save(path, quality=90)
        start = time.perf_counter()
        score_degraded(detector, paths, list_degradations(), max_side=1024, num_workers=workers)
        seconds = time.perf_counter() - start
    rate = len(paths) / seconds
    print(f"  the whole: {len(paths)} pictures in {seconds:.0f} s, {rate:.2f}/s", end="; ")
    print(f"300 take {300 / rate / 60:.1f} min, 2,000 take {2000 / rate / 60:.1f} min")


if __name__ == "__main__":
    main()
