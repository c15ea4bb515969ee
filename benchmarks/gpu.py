"""What to measure the first time a GPU is at hand: all of it in one command of eight minutes.

Run: python benchmarks/gpu.py FOLDER [--minutes 8] [--device cuda]
     python benchmarks/gpu.py FOLDER --rehearse      # tiny, on a CPU

Each part is a process of its own and writes FOLDER/PART.md as it goes. A part that is there is not
done again: after an interruption, an error or the end of the time the same command goes on. Delete
a table to measure it again.

It needs torch, torchvision, timm, pandas, pydantic and pytest. The tests also need scipy, the one
of LoRA peft, `torch.compile` a C++ compiler; what is missing is skipped, and the table says so.
"""

import measuring  # first: it finds the package where it is not installed

# isort: split
import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ours
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms.v2.functional import resize

from face_forgery.inference.reading import ImageReader, pack_paths
from face_forgery.modeling.factory import build_network
from face_forgery.modeling.forward_path import measure_margins
from face_forgery.params import Parameters
from face_forgery.training.step_settings import CompilerError

PROJECT = Path(__file__).parents[1]
SIDE, BATCH = 512, 64  # of JPEGs, in pixels; decoded at once
SHORTEST = 15.0  # seconds in which a part may be done
_SMALL = {
    "model.backbone": "test_resnet",
    "preprocessing.image_size": 32,
    "training.precision": "float32",
    "training.num_workers": 0,
    "scoring.num_workers": 0,
}


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    backbones: tuple[str, ...]  # the first one for single questions, too
    tuned: tuple[str, ...]
    image_size: int
    tuned_size: int  # the same of what is tuned
    num_batches: int  # of an epoch of 40 images
    num_steps: int  # in which a network learns 32 images by heart
    bench: tuple[str, ...]  # further options of bench.py


FULL = Scale(
    ("resnet18", "convnext_tiny"),
    ("vit_small_patch16_224", "vit_large_patch16_224"),
    image_size=256,
    tuned_size=224,
    num_batches=25,
    num_steps=100,
    bench=("--sides", str(SIDE), "--rounds", "2", "--seconds", "2"),
)
TINY = Scale(
    ("test_resnet",),
    ("test_vit",),
    image_size=32,
    tuned_size=32,
    num_batches=1,
    num_steps=3,
    bench=("--sides", "64", "--rounds", "1", "--seconds", "0.1", "--workers", "0"),
)


def main() -> None:
    """Do what is not done yet, or, in a process of its own, one part."""
    options = _parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.part:
        PARTS[options.part](TINY if options.rehearse else FULL, torch.device(options.device))
        return
    end = time.monotonic() + 60 * options.minutes
    unfinished = [name for name in PARTS if not _is_done(name, options, end)]
    if unfinished:
        sys.exit(f"Not done: {', '.join(unfinished)}. The same command goes on there.")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="for the tables")
    parser.add_argument("--device", choices=["cpu", "cuda"])
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--rehearse", action="store_true", help="tiny; on a CPU, if not said")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.device = options.device or ("cpu" if options.rehearse else "cuda")
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; rehearse on the CPU with --rehearse")
    return options


def _is_done(name: str, options: argparse.Namespace, end: float) -> bool:
    """Do a part, if it is not done and there is time."""
    table, begun = (options.folder / f"{name}.{kind}" for kind in ("md", "begun"))
    if table.exists():
        return True
    left = end - time.monotonic()
    if left < SHORTEST:
        return False
    given = [str(options.folder), "--device", options.device, "--part", name]
    given += ["--rehearse"] * options.rehearse
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    if options.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    start = time.monotonic()
    with begun.open("w") as file:
        command = [sys.executable, __file__, *given]
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            status = process.wait(left)
        except subprocess.TimeoutExpired:
            status = -1
        finally:
            with suppress(ProcessLookupError):  # what it has started ends with it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    what = "done" if status == 0 else f"not done; see {begun}"
    print(f"{name}: {what} ({time.monotonic() - start:.0f} s)", flush=True)
    if status == 0:
        begun.replace(table)
    return status == 0


def _run_tests(scale: Scale, device: torch.device) -> None:
    if "scipy" in measuring.MISSING:
        print("Skipped: the tests need scipy, which is not installed.")
        return
    is_gpu = "gpu" if device.type == "cuda" else "not gpu"
    if scale is TINY:
        is_gpu += " and not slow"
    tests = ["tests/training/test_on_gpu.py", "--confcutdir", "tests/training", "-p", "gpu"]
    search = os.pathsep.join([str(PROJECT / "benchmarks"), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", is_gpu, *tests],
        cwd=PROJECT, env=os.environ | {"PYTHONPATH": search}, check=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_params() -> Callable[..., Parameters]:
    """Stand in for the fixture of tests/conftest.py, which needs Kedro."""
    return lambda **changes: ours.change_parameters(_SMALL | changes)


def _run_bench(scale: Scale, device: torch.device) -> None:
    bench = [sys.executable, str(PROJECT / "benchmarks/bench.py"), "--device", device.type]
    subprocess.run([*bench, "--backbones", *scale.backbones, *scale.bench], check=True)


def _compare_decoders(scale: Scale, device: torch.device) -> None:
    """Print how fast workers and nvJPEG decode, and how much pixels and scores differ."""
    if device.type == "cpu":
        print("nvJPEG is skipped without a GPU: torchvision's decoder of the CPU has its place.\n")
    size = scale.image_size
    params = ours.base_parameters(scale.backbones[0], size, None)
    with tempfile.TemporaryDirectory() as folder:
        drawn = measuring.write_images(Path(folder), measuring.NUM_DRAWN, SIDE)
        many = drawn * scale.num_batches
        _decode_all(drawn, size, device)  # libraries are set up on the way
        by_workers = _rate(ours.decoding_for_scoring(many, params), len(many), device)
        by_gpu = _rate(lambda: _decode_all(many, size, device), len(many), device)
        reader = ImageReader.of(ours.make_detector("resnet18", size), min_size=ours.MIN_SIZE)
        ours_read = torch.stack([reader.read_at(row).images[0] for row in pack_paths(drawn)])
        theirs = _decode_all(drawn, size, device).cpu()
    network = _learn_by_heart(ours_read, params, scale.num_steps, device)
    scores = [_scores(network, images, device) for images in (ours_read, theirs)]
    changes = abs(scores[0] - scores[1])
    pixels = (ours_read.float() - theirs.float()).abs()
    print(f"| decoding {SIDE} pixels to {size} | images/s |\n|---|---|")
    print(f"| workers of the CPU | {by_workers:,.0f} |\n| nvJPEG | {by_gpu:,.0f} |\n")
    print(f"Pixels differ by {pixels.mean():.2f} of 255 on average and {pixels.max():.0f} at most.")
    print(f"Scores of {len(drawn)} images, half of them learnt by heart under random targets")
    print(f"(from {scores[0].min():.3f} to {scores[0].max():.3f}), differ by {changes.mean():.4f}")
    print(f"on average and {changes.max():.4f} at most.")


def _decode_all(paths: Sequence[Path], size: int, device: torch.device) -> Tensor:
    """Return ``(N, 3, size, size)``, decoded and resized on ``device``."""
    batches = []
    for start in range(0, len(paths), BATCH):
        files = [read_file(str(path)) for path in paths[start : start + BATCH]]
        images = decode_jpeg(files, device=device)
        batches.append(torch.stack([resize(image, [size, size]) for image in images]))
    return torch.cat(batches)


def _learn_by_heart(
    images: Tensor, params: Parameters, num_steps: int, device: torch.device
) -> torch.nn.Module:
    """Return a network whose scores of similar images lie far apart."""
    torch.manual_seed(ours.SEED)
    network = build_network(params.model, params.preprocessing.image_size).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    half = images[::2].to(device)
    targets = torch.randint(0, 2, (len(half),)).to(device)
    for _ in range(num_steps):
        loss = torch.nn.functional.cross_entropy(network(half), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


def _scores(network: torch.nn.Module, images: Tensor, device: torch.device) -> NDArray[Any]:
    return 1 / (1 + np.exp(-measure_margins(network, images, device)))


def _augment(scale: Scale, device: torch.device) -> None:
    print("The project has no augmentation on the GPU: images are augmented by the workers that")
    print("decode them; MixUp and CutMix alone act on the device. There is nothing to compare.")


def _compile(scale: Scale, device: torch.device) -> None:
    """Print what `torch.compile` gains in training from memory, and what it costs."""
    print("| training from memory | compiled | first epoch, s | images/s after it |")
    print("|---|---|---|---|", flush=True)
    for backbone in scale.backbones:
        for wanted in (False, True):
            params = ours.base_parameters(backbone, scale.image_size, 0)
            training = params.training.model_copy(update={"compile": wanted})
            params = params.model_copy(update={"training": training})
            try:
                seconds, rate = _train(params, scale.num_batches, device)
            except CompilerError as error:
                print(f"| {backbone} | skipped: {error} | | |")
                continue
            print(f"| {backbone} | {wanted} | {seconds:.1f} | {rate:,.1f} |", flush=True)


def _fine_tune(scale: Scale, device: torch.device) -> None:
    """Print how fast and how large fine-tuning of ViTs is."""
    print(f"| at {scale.tuned_size}, batches of 40 | model.fine_tuning | images/s | peak, MiB |")
    print("|---|---|---|---|", flush=True)
    for backbone in scale.tuned:
        for mode in ("norm", "full"):
            params = ours.base_parameters(backbone, scale.tuned_size, 0)
            model = params.model.model_copy(update={"fine_tuning": mode})
            params = params.model_copy(update={"model": model})
            if device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            _, rate = _train(params, scale.num_batches, device)
            print(f"| {backbone} | {mode} | {rate:,.1f} | {_peak(device):,.0f} |", flush=True)


def _train(params: Parameters, num_batches: int, device: torch.device) -> tuple[float, float]:
    """Return the seconds of a first epoch from memory, and images a second of two more."""
    names = [Path(f"{n}.jpg") for n in range(num_batches * params.training.batch_size)]
    epoch = ours.training_from_memory(names, params, device)
    first = len(names) / _rate(epoch, len(names), device)
    return first, 2 * len(names) / sum(len(names) / _rate(epoch, len(names), device) for _ in "ab")


def _rate(work: Callable[[], object], count: int, device: torch.device) -> float:
    """Return images a second."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return count / (time.perf_counter() - start)


def _peak(device: torch.device) -> float:
    """Return MiB: of the GPU since it was last asked, of the process from its start."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


PARTS: dict[str, Callable[[Scale, torch.device], None]] = {
    "tests": _run_tests,
    "bench": _run_bench,
    "nvjpeg": _compare_decoders,
    "augmentation": _augment,
    "compile": _compile,
    "fine_tuning": _fine_tune,
}

if __name__ == "__main__":
    main()
