"""Images a second: the course's loops, this project's, and the limits of both, in one table.

Run: python benchmarks/bench.py [--device cpu] [--quick] [--rounds 3] [--seconds 6]
     [--backbones NAME ...] [--sides 256 512] [--workers N] [--page FILE]

The same JPEGs (smooth noise), the same untrained network and an input of 256 pixels everywhere:
neither content nor weights change what an image costs. What is compared has a process of its own,
because workers that are forked pay for the memory of whatever else their parent holds, and takes
turns, so that another load on the machine meets all of it; a ratio is taken within a round, and the
median round counts. A run that is stopped leaves what it has measured in the page.

It needs torch, torchvision, timm, pandas and pydantic, and nothing installed besides.
docs/benchmarks.md says what the columns mean.
"""

import argparse
import math
import multiprocessing
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Self

import course
import ours
import torch
from measuring import NUM_DRAWN, describe_machine, write_images

from face_forgery.modeling.engines.openvino_network import why_not_openvino
from face_forgery.modeling.forward_path import resolve_precision
from face_forgery.params import EngineName, Precision

IMAGE_SIZE = 256
BACKBONES = {
    "cpu": ["resnet18", "convnext_atto", "efficientnet_b0"],
    "cuda": ["resnet18", "convnext_tiny", "efficientnet_b0"],
}
BUSY = 3.0  # load from which a number is worth a second look
FEWEST, MOST = 40, 20_000  # images of one measurement
COURSE, DECODING = "course", "decoding alone"
FROM_MEMORY = ", from memory"  # after the name of what is compared: its limit
SCORERS: dict[str, tuple[EngineName, Precision]] = {  # of inference
    "ours, torch": ("torch", "float32"),
    "ours, torch, bfloat16": ("torch", "bfloat16"),
    "ours, OpenVINO": ("openvino", "float32"),
    "ours, OpenVINO, bfloat16": ("openvino", "bfloat16"),
    "ours, OpenVINO, int8": ("openvino", "int8"),
}
# Imported once, before processes are forked that do no more than measure.
PRELOADED = ["timm", "torchvision.transforms.v2", "pandas", "pydantic", "scipy.special", "yaml"]

Work = Callable[[], None]
MakeWork = Callable[[Sequence[Path]], Work]
Arms = dict[str, MakeWork]  # what is compared; built for so many images


@dataclass(frozen=True)
class Measured:
    """Images a second of what was compared, round by round."""

    what: str
    network: str
    side: int
    rates: dict[str, list[float]]

    def ratio(self, name: str, to: str) -> str:
        """Return the median of the ratios and, in brackets, the smallest and the largest."""
        if to not in self.rates or name in (to, DECODING):
            return ""
        ratios = [a / b for a, b in zip(self.rates[name], self.rates[to], strict=True)]
        return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Measure everything in one run."""
    options = _parse()
    device = _choose(options.device)
    machine = [describe_machine("torch", "torchvision", "timm", "pillow"), _describe(device)]
    print(*machine, sep="\n", flush=True)
    if options.page is not None:
        _part(options.page, device.type)  # fails now or not at all
    results: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # of converted networks
        for measured in _measure(options, device, Path(folder)):
            _print_rounds(measured)
            results.append(measured)
            text = _section(results, machine, options)
            if options.page is not None:
                _put(options.page, device.type, text)
    print(f"\n{text}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--quick", action="store_true", help="two minutes: ResNet-18 alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of one measurement")
    parser.add_argument("--backbones", nargs="+", help="names of timm")
    parser.add_argument("--sides", nargs="+", type=int, default=[256, 512], help="pixels")
    parser.add_argument("--workers", type=int, help="ours; by default those of conf/base")
    parser.add_argument("--page", type=Path, help="a page to put the tables into")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 1.5
        options.backbones, options.sides = ["resnet18"], [512]
    if options.backbones is None:
        options.backbones = BACKBONES[options.device]
    return options


def _choose(name: str) -> torch.device:
    if name == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the measured code takes a GPU where it sees one
    elif not torch.cuda.is_available():
        sys.exit("--device cuda: torch finds no GPU here; measure with --device cpu")
    return torch.device(name)


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}; seed {ours.SEED}"
    return f"No GPU; {torch.get_num_threads()} threads; seed {ours.SEED}"


def _measure(options: argparse.Namespace, device: torch.device, folder: Path) -> Iterator[Measured]:
    for side in options.sides:
        drawn = write_images(folder / str(side), NUM_DRAWN, side)
        params = ours.base_parameters("resnet18", IMAGE_SIZE, options.workers)
        arms = _preparing_arms()
        yield Measured("preparing, one core", "", side, _take_turns(arms, drawn, options, 1))
        for backbone in options.backbones:
            params = ours.base_parameters(backbone, IMAGE_SIZE, options.workers)
            for what, make_arms in (("training", _training_arms), ("inference", _scoring_arms)):
                arms = make_arms(backbone, params, device)
                for name in _left_out(options, backbone, device):
                    arms.pop(name, None)
                rates = _take_turns(arms, drawn, options, torch.get_num_threads())
                yield Measured(what, backbone, side, rates)


def _left_out(options: argparse.Namespace, backbone: str, device: torch.device) -> list[str]:
    """Name what need not be measured: decoding alone is the same whatever the network."""
    names = [DECODING] if options.quick or backbone != options.backbones[0] else []
    if options.quick and device.type == "cpu":  # whose engine is another one
        names += [f"ours, torch{FROM_MEMORY}", "ours, torch, bfloat16"]
    if resolve_precision("auto", device) == torch.float32:
        names += ["ours, torch, bfloat16"]  # far slower there: takes minutes
    for name, (engine, precision) in SCORERS.items():
        probe = replace(ours.make_detector("test_resnet", 32), precision=precision)
        is_missing = precision == "int8" and find_spec("nncf") is None
        if engine == "openvino" and (
            device.type != "cpu" or is_missing or why_not_openvino(probe) is not None
        ):
            names.append(name)
    return names + [name + FROM_MEMORY for name in names]


def _preparing_arms() -> Arms:
    return {
        COURSE: partial(course.preparing, image_size=IMAGE_SIZE),
        "ours": partial(ours.preparing, image_size=IMAGE_SIZE),
    }


def _training_arms(backbone: str, params: ours.Parameters, device: torch.device) -> Arms:
    how = {"params": params, "device": device}
    return {
        COURSE: partial(course.training, backbone, image_size=IMAGE_SIZE, device=device),
        "ours": partial(ours.training, **how),
        "ours" + FROM_MEMORY: partial(ours.training_from_memory, **how),
        DECODING: partial(ours.decoding_for_training, params=params),
    }


def _scoring_arms(backbone: str, params: ours.Parameters, device: torch.device) -> Arms:
    arms: Arms = {
        COURSE: partial(course.predicting, backbone, image_size=IMAGE_SIZE, device=device)
    }
    for name, (engine, precision) in SCORERS.items():
        how = {"params": params, "device": device, "engine": engine, "precision": precision}
        arms[name] = partial(ours.scoring, **how)
        arms[name + FROM_MEMORY] = partial(ours.scoring_from_memory, **how)
    return arms | {DECODING: partial(ours.decoding_for_scoring, params=params)}


def _take_turns(
    arms: Arms, drawn: Sequence[Path], options: argparse.Namespace, num_threads: int
) -> dict[str, list[float]]:
    """Measure round by round, each arm with as many images as it prepares in the given time."""
    rates: dict[str, list[float]] = {name: [] for name in arms}
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(_Process(make, drawn, options.seconds, num_threads))
            for name, make in arms.items()
        }
        for process in processes.values():
            process.wait()  # until libraries are imported
        for process in processes.values():
            process.measure()  # the first time memory grows to its size: not counted
        for _ in range(options.rounds):
            for name, process in processes.items():
                rates[name].append(process.measure())
    return rates


class _Process:
    """An arm in a process of its own, which waits until it is its turn."""

    def __init__(
        self, make: MakeWork, drawn: Sequence[Path], seconds: float, num_threads: int
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        self._pipe, theirs = context.Pipe()
        start_method = multiprocessing.get_start_method()  # of loader workers
        how = {"seconds": seconds, "num_threads": num_threads, "start_method": start_method}
        self._process = context.Process(target=_serve, args=(theirs, make, drawn), kwargs=how)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def measure(self) -> float:
        """Return images a second."""
        self._pipe.send("measure")
        return self.wait()

    def wait(self) -> float:
        """Return what the process says next."""
        while not self._pipe.poll(1.0):
            if not self._process.is_alive():
                sys.exit("a measurement has died; its error is above")
        rate: float = self._pipe.recv()
        return rate


def _serve(
    pipe: Connection,
    make: MakeWork,
    drawn: Sequence[Path],
    *,
    seconds: float,
    num_threads: int,
    start_method: str,
) -> None:
    """Find out how many images fill the time, and measure whenever told, until hung up on."""
    multiprocessing.set_start_method(start_method, force=True)  # here it would be another
    torch.set_num_threads(num_threads)
    pipe.send(0.0)
    count, work = FEWEST, make(_repeat(drawn, FEWEST))
    try:
        pipe.recv()
        rate = _rate(work, count)  # libraries set up on the way
        if rate * seconds > FEWEST:
            rate = _rate(work, count)
            count = min(FEWEST * math.ceil(rate * seconds / FEWEST), MOST)
            work = make(_repeat(drawn, count))
            rate = _rate(work, count)
        pipe.send(rate)
        while pipe.recv():
            pipe.send(_rate(work, count))
    except EOFError:
        return


def _repeat(drawn: Sequence[Path], count: int) -> list[Path]:
    return list(islice(cycle(drawn), count))


def _rate(work: Work, count: int) -> float:
    _wait()
    start = time.perf_counter()
    work()
    _wait()
    return count / (time.perf_counter() - start)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _print_rounds(measured: Measured) -> None:
    print(f"{measured.what} {measured.network} {measured.side}")
    for name, rates in measured.rates.items():
        print(f"  {name:16s}" + " ".join(f"{rate:10.1f}" for rate in rates), flush=True)


def _section(results: list[Measured], machine: list[str], options: argparse.Namespace) -> str:
    """Return what was measured, in Markdown."""
    loads = [os.getloadavg()[0], float(machine[0].split(" cores, load ")[1].split()[0])]
    lines = [f"    python {shlex.join(sys.argv)}", ""]
    lines += [f"{machine[0]}; load {loads[0]:.1f} at the end. {machine[1]}."]
    if max(loads) > BUSY:
        lines += [
            "",
            "**The machine was busy with other work: to be measured again on a quiet one.**",
        ]
    heads = ["", "network", "images", "", "images/s", "x course", "of memory"]
    lines += ["", _row(*heads), "|" + "---|" * len(heads)]
    for one in results:
        for name, rates in one.rates.items():
            if not name.endswith(FROM_MEMORY):
                cells = [one.what, one.network, f"{one.side} pixels", name]
                cells += [f"{median(rates):,.1f}", one.ratio(name, COURSE)]
                lines.append(_row(*cells, one.ratio(name, name + FROM_MEMORY)))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _put(page: Path, device: str, text: str) -> None:
    """Put ``text`` between the two marks of ``device`` in ``page``."""
    before, after = _part(page, device)
    page.write_text(f"{before}\n{text}\n\n{after}", encoding="utf-8")


def _part(page: Path, device: str) -> tuple[str, str]:
    """Return what stands before and behind the table of ``device``, its marks included."""
    if not page.is_file():
        sys.exit(f"--page {page}: no such file")
    begin, end = f"<!-- {device} -->\n", f"<!-- /{device} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{page}: the marks {begin.strip()} and {end} are missing; nothing was measured")
    return before + begin, end + after


if __name__ == "__main__":
    main()
