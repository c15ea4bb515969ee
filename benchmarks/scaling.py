"""What rows of a large set cost, and what a core reads: the measured numbers of docs/scaling.md.

Run: python benchmarks/scaling.py [--rows 100000000] [--manifest-rows 1000000] [--images 320]

Of rows: the order of an epoch of ``--rows``, and what training makes of a drawn manifest of
``--manifest-rows`` with paths of 45 characters. Memory is what the process takes on top, at its
peak and afterwards; time is that of the process, in one thread. Linux alone says both.
"""

import measuring  # first: it finds the package where it is not installed

# isort: split
import argparse
import ctypes
import gc
import multiprocessing
import re
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ours
import pandas as pd
import pyarrow as pa
import torch

from face_forgery.data.labels.manifest import MANIFEST_COLUMNS, fingerprint_rows, fingerprint_sets
from face_forgery.data.loading.epoch_sampler import EpochSampler
from face_forgery.data.loading.image_dataset import ImageDataset

SIDE = 512  # pixels of a JPEG, read into 256
NEEDED = ["subset", "row", "path", "target", "group", "kind", "source", "num_bytes", "sha256"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--manifest-rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=320)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(measuring.describe_machine("torch", "numpy", "pandas", "pyarrow"), f"; seed {ours.SEED}")
    print("\n| | rows | bytes a row, at the peak | kept | seconds a million |")
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        _measure_reading(Path(folder), options.images)
        _measure_manifest(Path(folder) / "manifest.parquet", options.manifest_rows)
    if options.rows:
        _measure_orders(options.rows)


def _measure_reading(folder: Path, count: int) -> None:
    paths = measuring.write_images(folder / "images", count, SIDE)
    kilobytes = sum(path.stat().st_size for path in paths) / count / 1000
    params = ours.base_parameters("resnet18", 256, 0)
    read = ours.decoding_for_training(paths, params)
    read()  # into the page cache
    start = time.process_time()
    read()
    rate = count / (time.process_time() - start)
    print(f"| a core reads {rate:,.0f} images/s of {SIDE} pixels, {kilobytes:.0f} kB | | | | |")


def _measure_manifest(path: Path, num_rows: int) -> None:
    drawing = multiprocessing.get_context("fork").Process(
        target=lambda: _draw_manifest(num_rows).to_parquet(path)
    )  # the memory that it takes goes with it
    drawing.start()
    drawing.join()
    measure = partial(_measure, num_rows)
    manifest = measure("reading the manifest, all columns", lambda: pd.read_parquet(path))
    del manifest
    read_needed = partial(pd.read_parquet, path, columns=NEEDED)
    manifest = measure("... those that training needs", read_needed)
    preprocessing = ours.base_parameters("resnet18", 256, 0).preprocessing
    measure("fingerprint of its order", lambda: fingerprint_rows(manifest))
    measure("fingerprint of the set", lambda: fingerprint_sets(train=manifest))
    measure("data set of the loader", lambda: ImageDataset.of(manifest, "", preprocessing))


def _draw_manifest(num_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(ours.SEED)
    names = [f"{number:032x}.jpg" for number in range(num_rows)]
    columns = {
        "subset": "train",
        "row": np.arange(num_rows),
        "img_name": names,
        "path": [f"trainset/{name}" for name in names],
        "target": rng.integers(0, 2, num_rows),
        "group": [f"video{number // 20}" for number in range(num_rows)],
        "kind": "face_swap",
        "source": "drawn",
        "width": SIDE,
        "height": SIDE,
        "format": "JPEG",
        "num_bytes": rng.integers(10_000, 90_000, num_rows),
        "jpeg_quality": 90,
        "sha256": [f"{number:064x}" for number in range(num_rows)],
    }
    return pd.DataFrame(columns).astype(MANIFEST_COLUMNS)


def _measure_orders(num_rows: int) -> None:
    params = ours.base_parameters("resnet18", 256, 0)
    targets = (np.random.default_rng(ours.SEED).random(num_rows) < 0.8).astype(np.int64)
    nothing = np.empty(0, dtype=np.dtypes.StringDType())
    dataset = ImageDataset("", nothing, targets, "", params.preprocessing)
    for sampling in ("shuffled", "balanced"):
        training = params.training.model_copy(update={"sampling": sampling})
        sampler = EpochSampler(dataset, training)
        _measure(num_rows, f"order of an epoch, {sampling}", lambda s=sampler: s.order(1))


def _measure(num_rows: int, what: str, work: Callable[[], Any]) -> Any:
    """Print a row of the table, and return what ``work`` does."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed before would hide what is taken now
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = _status("VmRSS"), time.process_time()
    made = work()
    seconds = time.process_time() - start
    peak, kept = ((_status(name) - before) / num_rows for name in ("VmHWM", "VmRSS"))
    cells = [what, f"{num_rows:,}", f"{peak:.0f}", f"{kept:.0f}", f"{1e6 * seconds / num_rows:.2f}"]
    print(f"| {' | '.join(cells)} |", flush=True)
    return made


def _status(name: str) -> int:
    """Return bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    assert found is not None
    return 1024 * int(found[1])


if __name__ == "__main__":
    main()
