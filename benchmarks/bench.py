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
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Self

import course
import ours
import torch
from measuring import NUM_DRAWN, describe_machine, write_images

IMAGE_SIZE = 256
BACKBONES = {
    "cpu": ["resnet18", "convnext_atto", "efficientnet_b0"],
    "cuda": ["resnet18", "convnext_tiny", "efficientnet_b0"],
}
BUSY = 3.0  # load from which a number is worth a second look
FEWEST, MOST = 40, 20_000  # images of one measurement
COURSE, OURS, BFLOAT16 = "course", "ours", "bfloat16"
MEMORY, MEMORY_BFLOAT16, DECODING = "memory", "memory bfloat16", "decoding"

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

    def rate(self, name: str) -> str:
        """Return the median."""
        return f"{median(self.rates[name]):,.1f}" if name in self.rates else ""

    def ratio(self, name: str, to: str = COURSE) -> str:
        """Return the median of the ratios and, in brackets, the smallest and the largest."""
        if name not in self.rates:
            return ""
        ratios = [a / b for a, b in zip(self.rates[name], self.rates[to], strict=True)]
        return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Measure everything in one run."""
    options = _parse()
    device = _choose(options.device)
    machine = [describe_machine("torch", "torchvision", "timm", "pillow"), _describe(device)]
    print(*machine, sep="\n", flush=True)
    results: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
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
    parser.add_argument("--quick", action="store_true", help="a minute or two: ResNet-18 alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of one measurement")
    parser.add_argument("--backbones", nargs="+", help="names of timm")
    parser.add_argument("--sides", nargs="+", type=int, default=[256, 512], help="pixels")
    parser.add_argument("--workers", type=int, help="ours; by default those of conf/base")
    parser.add_argument("--page", type=Path, help="a page to put the tables into")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 2, 2.0
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
        yield Measured("preparing", "", side, _take_turns(arms, drawn, options, 1))
        for backbone in options.backbones:
            params = ours.base_parameters(backbone, IMAGE_SIZE, options.workers)
            for what, make_arms in (("training", _training_arms), ("inference", _scoring_arms)):
                arms = make_arms(backbone, params, device)
                if backbone != options.backbones[0]:
                    del arms[DECODING]  # the same whatever the network
                rates = _take_turns(arms, drawn, options, torch.get_num_threads())
                yield Measured(what, backbone, side, rates)


def _preparing_arms() -> Arms:
    return {
        COURSE: partial(course.preparing, image_size=IMAGE_SIZE),
        OURS: partial(ours.preparing, image_size=IMAGE_SIZE),
    }


def _training_arms(backbone: str, params: ours.Parameters, device: torch.device) -> Arms:
    how = {"params": params, "device": device}
    return {
        COURSE: partial(course.training, backbone, image_size=IMAGE_SIZE, device=device),
        OURS: partial(ours.training, **how),
        MEMORY: partial(ours.training_from_memory, **how),
        DECODING: partial(ours.decoding_for_training, params=params),
    }


def _scoring_arms(backbone: str, params: ours.Parameters, device: torch.device) -> Arms:
    plain = {"params": params, "device": device, "precision": "float32"}
    fast = plain | {"precision": "bfloat16"}
    return {
        COURSE: partial(course.predicting, backbone, image_size=IMAGE_SIZE, device=device),
        OURS: partial(ours.scoring, **plain),
        BFLOAT16: partial(ours.scoring, **fast),
        MEMORY: partial(ours.scoring_from_memory, **plain),
        MEMORY_BFLOAT16: partial(ours.scoring_from_memory, **fast),
        DECODING: partial(ours.decoding_for_scoring, params=params),
    }


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
        for _ in range(options.rounds):
            for name, process in processes.items():
                rates[name].append(process.measure())
    return rates


class _Process:
    """An arm in a process of its own, which waits until it is its turn."""

    def __init__(
        self, make: MakeWork, drawn: Sequence[Path], seconds: float, num_threads: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        start_method = multiprocessing.get_start_method()  # of loader workers
        how = {"seconds": seconds, "num_threads": num_threads, "start_method": start_method}
        self._process = context.Process(target=_serve, args=(theirs, make, drawn), kwargs=how)

    def __enter__(self) -> Self:
        self._process.start()
        self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def measure(self) -> float:
        """Return images a second."""
        self._pipe.send("measure")
        return self._answer()

    def _answer(self) -> float:
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
    """Find out how many images fill the time, then measure whenever told, until hung up on."""
    multiprocessing.set_start_method(start_method, force=True)  # here it would be spawn
    torch.set_num_threads(num_threads)
    first = _rate(make(_repeat(drawn, FEWEST)), FEWEST)  # libraries set up on the way
    again = _rate(make(_repeat(drawn, FEWEST)), FEWEST) if first > FEWEST else first
    count = min(max(FEWEST * math.ceil(again * seconds / FEWEST), FEWEST), MOST)
    work = make(_repeat(drawn, count))
    pipe.send(_rate(work, count))  # the first time memory grows to its size: not counted
    try:
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
    lines += ["", "| preparing, one core | course | ours | x course |", "|---|---|---|---|"]
    for one in results:
        if one.what == "preparing":
            cells = [one.rate(COURSE), one.rate(OURS), one.ratio(OURS)]
            lines.append(_row(f"{one.side} pixels", *cells))
    heads = ["", "network", "images", "course", "ours", "x course", "of memory"]
    heads += ["ours, bfloat16", "x course", "of memory", "decoding alone"]
    lines += ["", _row(*heads), "|" + "---|" * len(heads)]
    for one in results:
        if one.what != "preparing":
            cells = [one.rate(COURSE), one.rate(OURS), one.ratio(OURS), one.ratio(OURS, MEMORY)]
            cells += [one.rate(BFLOAT16), one.ratio(BFLOAT16)]
            cells += [one.ratio(BFLOAT16, MEMORY_BFLOAT16), one.rate(DECODING)]
            lines.append(_row(one.what, one.network, f"{one.side} pixels", *cells))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _put(page: Path, device: str, text: str) -> None:
    """Put ``text`` between the two marks of ``device`` in ``page``."""
    content = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {device} -->\n", f"<!-- /{device} -->"
    before, _, rest = content.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{page}: the marks {begin.strip()} and {end} are missing; nothing was written")
    page.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
