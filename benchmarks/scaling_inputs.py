"""What one core decodes, what a million rows cost, and how large networks are: for docs/scaling.md.

Run: python benchmarks/scaling_inputs.py [--images 400] [--side 512] [--image-size 256]
     [--rows 1000000] [--backbones resnet18 convnext_base]

Images: the loader of training without worker processes, on one thread, from the page cache;
drawn JPEGs of quality 90, read whole and in the reduced size that `preprocessing.scaled_decoding`
allows. Rows: the order of one epoch, in time and memory. Networks: their weights with two outputs.
"""

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
from measuring import describe_machine, write_images

from face_forgery.config_loader import read_parameters
from face_forgery.data.loading.epoch_sampler import EpochSampler
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import train_loader
from face_forgery.data.loading.workers import iterate
from face_forgery.params import Parameters, check_parameters

PROJECT = Path(__file__).parents[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Inputs of docs/scaling.md")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--backbones", nargs="+", default=["resnet18", "convnext_base"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine("torch", "torchvision", "timm"))
    with tempfile.TemporaryDirectory() as folder:
        _measure_loader(Path(folder), arguments)
    _measure_rows(arguments.rows)
    for name in arguments.backbones:
        network = timm.create_model(name, num_classes=2)
        print(f"{name}: {sum(p.numel() for p in network.parameters()) / 1e6:.1f} million weights")


def _measure_loader(folder: Path, arguments: argparse.Namespace) -> None:
    paths = write_images(folder, arguments.images, arguments.side)
    num_bytes = sum(path.stat().st_size for path in paths) / len(paths)
    print(f"an image of {arguments.side} pixels: {num_bytes / 1000:.0f} kB")
    names = [path.name for path in paths]
    manifest = pd.DataFrame({"path": names, "target": np.arange(len(paths)) % 2, "sha256": names})
    params = _parameters(arguments.image_size)
    for is_scaled in (False, True):
        preprocessing = params.preprocessing.model_copy(update={"scaled_decoding": is_scaled})
        dataset = ImageDataset.of(
            manifest, str(folder), preprocessing, augmentation=params.augmentation
        )
        loader = train_loader(dataset, params.training)
        list(iterate(loader))  # into the page cache
        start = time.process_time()
        num_images = sum(len(targets) for _, targets in iterate(loader))
        rate = num_images / (time.process_time() - start)
        print(f"loader, scaled decoding {is_scaled}: {rate:,.0f} images/s of one core")


def _parameters(image_size: int) -> Parameters:
    values = read_parameters(PROJECT / "conf")
    values["preprocessing"]["image_size"] = image_size
    values["training"]["num_workers"] = 0
    return check_parameters(values)


def _measure_rows(num_rows: int) -> None:
    names = [f"trainset/{i:032x}.jpg" for i in range(num_rows)]
    paths = np.array(names, np.dtypes.StringDType())
    targets = np.zeros(num_rows, dtype=np.int64)
    params = _parameters(256)
    sampler = EpochSampler(
        ImageDataset("", paths, targets, "", params.preprocessing), params.training
    )
    num_bytes = paths.nbytes + sum(map(len, names)) + targets.nbytes  # letters lie outside of paths
    print(f"rows: {num_bytes / num_rows:.0f} bytes each")
    start = time.process_time()
    sampler.order(1)
    seconds = time.process_time() - start
    tracemalloc.start()
    order = sampler.order(1)
    held, peak = tracemalloc.get_traced_memory()
    print(
        f"order of an epoch of {len(order):,}: {seconds:.1f} s, {order.nbytes / num_rows:.0f} "
        f"bytes each (besides torch's, Python holds {held / num_rows:.0f}, at most "
        f"{peak / num_rows:.0f})"
    )


if __name__ == "__main__":
    main()
