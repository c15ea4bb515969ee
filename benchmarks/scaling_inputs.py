"""What one core decodes, what a million rows cost, and how large networks are: for docs/scaling.md.

Run: python benchmarks/scaling_inputs.py [--pictures 400] [--side 512] [--image-size 256]
     [--rows 1000000] [--backbones resnet18 convnext_base]

Pictures: the loader of training without worker processes, on one thread, from the page cache;
drawn JPEGs of quality 90, read whole and in the reduced size that `preprocessing.scaled_decoding`
allows. Rows: the keys of one epoch, in time and memory. Networks: their weights with two outputs.
"""

import argparse
import tempfile
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from place import describe_place

from face_forgery.config_loader import read_parameters
from face_forgery.data.loading.image_rows import ImageRows
from face_forgery.data.loading.loaders import TrainBatches
from face_forgery.params import check_parameters

PROJECT = Path(__file__).parents[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Inputs of docs/scaling.md")
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--backbones", nargs="+", default=["resnet18", "convnext_base"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_place("torch", "torchvision", "timm"))
    with tempfile.TemporaryDirectory() as folder:
        _measure_loader(Path(folder), arguments)
    _measure_rows(arguments.rows)
    for name in arguments.backbones:
        network = timm.create_model(name, num_classes=2)
        print(f"{name}: {sum(p.numel() for p in network.parameters()) / 1e6:.1f} million weights")


def _measure_loader(folder: Path, arguments: argparse.Namespace) -> None:
    num_bytes = _draw(folder, arguments.pictures, arguments.side)
    print(f"a picture of {arguments.side} pixels: {num_bytes / arguments.pictures / 1000:.0f} kB")
    manifest = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(arguments.pictures)],
            "target": [i % 2 for i in range(arguments.pictures)],
            "sha256": [str(i) for i in range(arguments.pictures)],
        }
    )
    batches = _batches(ImageRows.of(manifest, str(folder)), arguments.image_size)
    list(batches.epoch(1))  # into the page cache
    for is_scaled in (False, True):
        preprocessing = batches.preprocessing.model_copy(update={"scaled_decoding": is_scaled})
        epoch = replace(batches, preprocessing=preprocessing).epoch(1)
        start = time.process_time()
        num_images = sum(len(targets) for _, targets in epoch)
        rate = num_images / (time.process_time() - start)
        print(f"loader, scaled decoding {is_scaled}: {rate:,.0f} pictures/s of one core")


def _draw(folder: Path, count: int, side: int) -> int:
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        grain = rng.normal(0.0, 4.0, (side, side, 3))
        pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=90)
    return sum(path.stat().st_size for path in folder.iterdir())


def _batches(rows: ImageRows, image_size: int) -> TrainBatches:
    values = read_parameters(PROJECT / "conf")
    values["preprocessing"]["image_size"] = image_size
    params = check_parameters(values)
    return TrainBatches(rows, params.preprocessing, params.augmentation, 32, 0, num_workers=0)


def _measure_rows(num_rows: int) -> None:
    names = [f"trainset/{i:032x}.jpg" for i in range(num_rows)]
    paths = np.array(names, np.dtypes.StringDType())
    targets = np.zeros(num_rows, dtype=np.int64)
    rows = ImageRows("", paths, targets, "")
    num_bytes = paths.nbytes + sum(map(len, names)) + targets.nbytes  # letters lie outside of paths
    print(f"rows: {num_bytes / num_rows:.0f} bytes each")
    batches = _batches(rows, 256)
    start = time.process_time()
    batches.epoch(1)
    seconds = time.process_time() - start
    tracemalloc.start()
    epoch = batches.epoch(1)
    held, peak = tracemalloc.get_traced_memory()
    print(
        f"keys of an epoch of {num_rows:,}: {seconds:.1f} s, {held / num_rows:.0f} bytes each "
        f"(while they are made: {peak / num_rows:.0f}), {len(epoch):,} batches"
    )


if __name__ == "__main__":
    main()
