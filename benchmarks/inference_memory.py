"""Peak memory of `kedro run --pipelines inference`, for few pictures and for many.

Run: python benchmarks/inference_memory.py [--few 1000] [--many 100000] [--image-size 64]
     [--backbone test_resnet.r160_in1k]

The real command in a project of its own, with an untrained detector, on JPEGs of 96 x 96 pixels:
64 of them are drawn, the others are copies under names of their own. Memory is what the command and
all its workers have allocated, read twice a second; what they share counts once. Libraries, which
other programs may share, are left out.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from drawn import write_pictures
from ours import make_detector
from place import describe_place

from face_forgery.modeling.detector_folder import write_detector

PROJECT = Path(__file__).parents[1]
SIDE = 96  # pixels
EVERY_S = 0.5


def main() -> None:
    """Measure both in one run."""
    options = _parse()
    print(describe_place("torch", "kedro", "pandas"))
    print(options)
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        project = _make_project(Path(folder) / "project", options)
        for count in (options.few, options.many):
            pictures = Path(folder) / f"pictures_{count}"
            pictures.mkdir()
            write_pictures(pictures, count, SIDE)
            start = time.monotonic()
            peaks[count] = _peak_of_run(project, pictures, count)
            seconds = time.monotonic() - start
            print(f"  {count:9,d} pictures: peak {peaks[count]:8.1f} MiB, {seconds:7.1f} s")
    print(f"  ratio {peaks[options.many] / peaks[options.few]:.3f}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--backbone", default="test_resnet.r160_in1k")
    parser.add_argument("--image-size", type=int, default=64, help="pixels of the input")
    return parser.parse_args()


def _make_project(folder: Path, options: argparse.Namespace) -> Path:
    folder.mkdir()
    for name in ("conf", "src"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder)
    detector = folder / "data/06_models/detector"
    detector.mkdir(parents=True)
    made = make_detector(options.backbone, options.image_size)
    write_detector(replace(made, precision="float32"), detector)
    return folder


def _peak_of_run(project: Path, pictures: Path, count: int) -> float:
    """Return MiB."""
    output = project / f"{pictures.name}.csv"
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", "inference", "--params"]
    command.append(f"inference.images={pictures},inference.output={output}")
    with (project / "log.txt").open("w") as log:
        run = subprocess.Popen(command, cwd=project, stdout=log, stderr=log, env=os.environ)
        peak = 0
        while run.poll() is None:
            peak = max(peak, sum(_allocated(pid) for pid in _family(run.pid)))
            time.sleep(EVERY_S)
    if run.returncode:
        raise RuntimeError((project / "log.txt").read_text()[-3000:])
    num_rows = sum(1 for _ in output.open()) - 1
    if num_rows != count:
        raise RuntimeError(f"{num_rows} rows for {count} pictures")
    return peak / 1024


def _family(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            found += map(int, children.split())
    return found


def _allocated(pid: int) -> int:
    """Return KiB; 0 for a process that has ended meanwhile."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        counted = [line for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:"))]
        return sum(int(line.split()[1]) for line in counted)
    return 0


if __name__ == "__main__":
    main()
