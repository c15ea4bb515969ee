"""What repeatable training costs, and whether it repeats: steps a second, in one table.

Run: python benchmarks/determinism_cost.py [--device cpu] [--rounds 3] [--seconds 1.5]
     [--networks NAME ...] [--precisions float32 bfloat16] [--size 224] [--batch 32]

The project's own loop trains on pictures that are in memory, with MixUp, dropout and averaged
weights, in five ways: as torch comes (`defaults`), with cuDNN trying out kernels (`fastest`), as
this project does it (`ours`), with `torch.use_deterministic_algorithms` (`demanded`), and the same
without filling fresh memory, which torch adds to it (`unfilled`). Each way has a process of its
own, because its settings hold for the whole process; the processes take turns, a ratio is taken
within a round, and the median round counts. A second process of each way trains the same steps once
more: the weights of both are compared bit for bit. Operations that torch refuses when deterministic
ones are demanded are listed and let pass. On a CPU seconds are those that the processors worked
for it, so that other work on the machine counts little.

`resnet18+terms` adds the contrastive term and frequency channels. It needs torch, torchvision, timm, pandas and pydantic, and nothing installed besides.
"""

import bare  # noqa: F401  first: what is not installed here

# isort: split
import argparse
import hashlib
import multiprocessing
import os
import shlex
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Self

import ours
import torch
from place import describe_place

from face_forgery.config_loader import read_parameters
from face_forgery.params import Parameters, check_parameters
from face_forgery.training.loop import train_epochs
from face_forgery.training.memory import keep_freed_memory
from face_forgery.training.reproducible import seed_torch
from face_forgery.training.start import build_state
from face_forgery.training.step_settings import StepSettings

DEFAULTS, FASTEST, OURS, DEMANDED, UNFILLED = "defaults", "fastest", "ours", "demanded", "unfilled"
WAYS = (DEFAULTS, FASTEST, OURS, DEMANDED, UNFILLED)
NETWORKS = {
    "cpu": ["resnet18", "resnet18+terms", "convnext_atto"],
    "cuda": [
        "resnet18",
        "resnet18+terms",
        "convnext_tiny",
        "efficientnet_b0",
        "vit_small_patch16_224",
    ],
}
STEPS = {"cpu": 4, "cuda": 20}  # of an epoch; two epochs are compared
TERMS = "+terms"
_NO_ALGORITHM = "does not have a deterministic implementation"


@dataclass(frozen=True)
class Job:
    """What is trained."""

    network: str
    precision: str
    size: int
    batch: int
    steps: int  # of an epoch
    device: str


@dataclass(frozen=True)
class Row:
    """What was measured of a job, by way."""

    job: Job
    rates: dict[str, list[float]]  # steps a second, round by round
    digests: dict[str, list[str]]  # of the weights that the two processes end with
    refused: list[str]  # operations without a deterministic implementation

    def cells(self) -> list[str]:
        """Return the cells of the table."""
        cells = [self.job.network, self.job.precision, f"{median(self.rates[OURS]):.1f}"]
        for way in WAYS:
            if way != OURS:
                pairs = zip(self.rates[way], self.rates[OURS], strict=True)
                ratios = [a / b for a, b in pairs]
                cells.append(f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        repeats = [way for way in WAYS if len(set(self.digests[way])) == 1]
        cells.append(", ".join(repeats) if len(repeats) < len(WAYS) else "all")
        return [*cells, ", ".join(self.refused) or "none"]


def main() -> None:
    """Measure every network in every precision."""
    options = _parse()
    place = describe_place("torch", "torchvision", "timm")
    print(place, _describe(options.device), sep="\n", flush=True)
    print(f"Batches of {options.batch} at {options.size} pixels.")
    heads = ["network", "precision", "ours, steps/s", "defaults / ours", "fastest / ours"]
    heads += ["demanded / ours", "unfilled / ours", "same weights in two processes"]
    heads += ["no deterministic algorithm for"]
    print(f"\n    python {shlex.join(sys.argv)}\n\n{_line(heads)}\n|{'---|' * len(heads)}")
    with ExitStack() as stack:
        workers = {
            way: [stack.enter_context(_Worker(way, options)) for _ in range(2)] for way in WAYS
        }
        for network, precision in product(options.networks, options.precisions):
            steps, size = STEPS[options.device], options.size
            job = Job(network, precision, size, options.batch, steps, options.device)
            print(_line(_measure(job, workers, options).cells()), flush=True)
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end.")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of one measurement")
    parser.add_argument("--networks", nargs="+", help="names of timm; NAME+terms")
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--size", type=int, help="pixels")
    parser.add_argument("--batch", type=int, help="pictures")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("--device cuda: torch finds no GPU here; measure with --device cpu")
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    options.networks = options.networks or NETWORKS[options.device]
    options.size = options.size or {"cpu": 96, "cuda": 224}[options.device]
    options.batch = options.batch or {"cpu": 8, "cuda": 64}[options.device]
    return options


def _describe(device: str) -> str:
    if device == "cuda":
        cudnn = torch.backends.cudnn.version()
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, cuDNN {cudnn}; seed 0"
    return f"No GPU; {torch.get_num_threads()} threads; seed 0"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _measure(job: Job, workers: dict[str, list["_Worker"]], options: argparse.Namespace) -> Row:
    digests: dict[str, list[str]] = {}
    refused: set[str] = set()
    for way, both in workers.items():
        answers = [worker.ask("train", job) for worker in both]
        digests[way] = [digest for digest, _ in answers]
        refused.update(*(operations for _, operations in answers))
    rates: dict[str, list[float]] = {way: [] for way in workers}
    for _ in range(options.rounds):
        for way, (first, _) in workers.items():
            rates[way].append(first.ask("measure", options.seconds))
    return Row(job, rates, digests, sorted(refused))


class _Worker:
    """A process that trains in one way, whenever it is its turn."""

    def __init__(self, way: str, options: argparse.Namespace) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["torch", "torchvision", "timm", "pandas"])  # once for all
        self._pipe, self._theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._theirs, way, options.threads))

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def ask(self, what: str, how: Any) -> Any:
        """Have it train (the digest of the weights, and what is refused) or measure."""
        self._pipe.send((what, how))
        try:
            return self._pipe.recv()
        except EOFError:
            sys.exit("a measurement has died; its error is above")


def _serve(pipe: Connection, way: str, num_threads: int) -> None:
    if way in (DEMANDED, UNFILLED):
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # before CUDA is used
    torch.set_num_threads(num_threads)
    training: Iterator[Any] = iter(())
    job: Job | None = None
    try:
        while True:
            what, how = pipe.recv()
            if what == "train":
                job = how
                training, answer = _train(way, how)
                pipe.send(answer)
            else:
                assert job is not None
                pipe.send(_rate(training, job, how))
    except EOFError:
        return


def _train(way: str, job: Job) -> tuple[Iterator[Any], tuple[str, list[str]]]:
    """Train two epochs; return the rest of the training, the weights' digest and what is refused.

    Where torch refuses an operation, it is let pass with the others that have no deterministic
    algorithm.
    """
    try:
        return _begin(way, job)
    except RuntimeError as error:
        if _NO_ALGORITHM not in str(error):
            raise
        return _begin(way, job, is_lenient=True)


def _begin(
    way: str, job: Job, *, is_lenient: bool = False
) -> tuple[Iterator[Any], tuple[str, list[str]]]:
    device = torch.device(job.device)
    if device.type == "cpu":
        keep_freed_memory()
    params = _parameters(job)
    torch.use_deterministic_algorithms(False)
    seed_torch(ours.SEED)
    _set(way, is_lenient=is_lenient)
    pictures = [Path(f"{number}.jpg") for number in range(job.batch * job.steps)]
    batches: Any = ours.FromMemory(ours.train_batches(params, pictures))
    state = build_state(params.model, params.training, job.size, job.steps, device)
    settings = StepSettings.of(params.training, device, job.steps)
    training = train_epochs(state, batches, settings, epochs=params.training.epochs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        next(training), next(training)
    digest = hashlib.sha256()
    for value in [*state.network.state_dict().values(), *state.judged_network.parameters()]:
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    messages = {str(one.message) for one in caught}
    refused = sorted(text.split()[0] for text in messages if _NO_ALGORITHM in text)
    return training, (digest.hexdigest()[:16], refused)


def _set(way: str, *, is_lenient: bool) -> None:
    """Make torch work in one way; `ours` is what `seed_torch` has just done."""
    if way in (DEFAULTS, FASTEST):
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False
        torch.backends.cudnn.benchmark = way == FASTEST
    elif way in (DEMANDED, UNFILLED):
        torch.use_deterministic_algorithms(True, warn_only=is_lenient)
        torch.utils.deterministic.fill_uninitialized_memory = way == DEMANDED


def _parameters(job: Job) -> Parameters:
    values = read_parameters(Path(__file__).parents[1] / "conf")
    has_terms = job.network.endswith(TERMS)
    backbone = job.network.removesuffix(TERMS)
    sizes = {"img_size": job.size} if backbone.startswith("vit_") else {}
    values["model"] |= {"backbone": backbone, "options": {"drop_rate": 0.2} | sizes}
    values["preprocessing"]["image_size"] = job.size
    values["training"] |= {
        "epochs": 100_000,
        "batch_size": job.batch,
        "compile": False,
        "precision": job.precision,
        "mixup_alpha": 0.0 if has_terms else 0.2,  # mixed pictures have no one class
        "ema_decay": 0.99,
    }
    if has_terms:
        values["model"]["input"] = "rgb_frequency"
        values["training"]["loss"]["contrastive"] = 0.1
    return check_parameters(values)


def _rate(training: Iterator[Any], job: Job, seconds: float) -> float:
    """Return steps a second of whole epochs."""
    clock = time.perf_counter if job.device == "cuda" else time.process_time
    num_steps, start = 0, clock()
    while num_steps == 0 or clock() - start < seconds:
        next(training)
        num_steps += job.steps
    if job.device == "cuda":
        torch.cuda.synchronize()
    return num_steps / (clock() - start)


if __name__ == "__main__":
    main()
