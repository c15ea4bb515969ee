"""Ingestion at scale: a large label file, and the images it names.

Run: python benchmarks/ingestion_speed.py [--rows 1000000] [--images 100000] [--side 512]

Labels: `read_label_source`, as the node `read_labels` calls it, in a process of its own. Images:
`inspect_table` on drawn JPEGs (64 different ones, copied under names of their own, so they come
from the page cache), by headers and by pixels, each again with what the first run found. The limit:
each file read and hashed, nothing else, by the same number of threads.
"""

import argparse
import hashlib
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from drawn import write_pictures
from place import describe_place

from face_forgery.data.images.inspection import inspect_table
from face_forgery.data.labels.manifest import LABEL_COLUMNS
from face_forgery.data.labels.readers import LabelFile, read_label_source
from face_forgery.params import ColumnNames

WORKERS = 2
COLUMNS = ColumnNames(
    img_name="img_name", target="target", group="group", kind="kind", source="source"
)


def main() -> None:
    """Measure both in one run."""
    options = _parse()
    print(describe_place("pandas", "pyarrow", "pillow"))
    print(f"{options}, {WORKERS} threads")
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as process:
        seconds, mebibytes = process.apply(_read_labels, (options.rows,))
    print(f"  {options.rows:,} labels validated: {seconds:.1f} s, peak {mebibytes:,.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "images").mkdir()
        write_pictures(root / "images", options.images, options.side)
        time.sleep(2.5)  # younger files are not trusted to be unchanged
        _measure_images(root)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=512, help="pixels of an image")
    return parser.parse_args()


def _read_labels(num_rows: int) -> tuple[float, float]:
    """Return seconds and the peak of the process in MiB."""
    names = (hashlib.sha256(str(row).encode()).hexdigest()[:32] for row in range(num_rows))
    lines = "\n".join(f"{name}.jpg,{row % 2}" for row, name in enumerate(names))
    file = LabelFile("labels.txt", f"img_name,target\n{lines}\n".encode())
    del lines
    start = time.perf_counter()
    table = read_label_source(
        file,
        subset="train",
        labels="labels.txt",
        images="images",
        columns=COLUMNS,
        class_folders={},
    )
    seconds = time.perf_counter() - start
    if len(table) != num_rows:
        raise RuntimeError(f"{len(table)} rows of {num_rows}")
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure_images(root: Path) -> None:
    paths = sorted((root / "images").iterdir())
    table = pd.DataFrame(
        {
            "subset": "train",
            "row": range(len(paths)),
            "img_name": [path.name for path in paths],
            "path": [f"images/{path.name}" for path in paths],
            "target": 0,
            "group": [path.name for path in paths],
            "kind": "real",
            "source": "drawn",
        }
    ).astype(LABEL_COLUMNS)
    arguments = {"root": root, "image_folders": {"train": "images"}, "num_workers": WORKERS}
    start = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(_hash, paths, chunksize=32):
            pass
    limit = len(paths) / (time.perf_counter() - start)
    print(f"  read and hashed alone      {limit:10,.0f} images/s")
    known = None
    for check, name in (
        ("headers", "headers and hashes"),
        ("headers", "the same, again"),
        ("pixels", "decoded and hashed"),
        ("pixels", "the same, again"),
    ):
        start = time.perf_counter()
        known = inspect_table(table, known=known, check=check, **arguments)
        rate = len(paths) / (time.perf_counter() - start)
        print(f"  {name:26s} {rate:10,.0f} images/s, {rate / limit:.2f} of the limit", flush=True)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
