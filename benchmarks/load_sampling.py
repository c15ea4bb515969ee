"""What a process and its children hold, second by second, and limits that hold or do not."""

import contextlib
import csv
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from project_copy import Command
from scipy.stats import theilslopes

EVERY_S = 1.0
_NODE = re.compile(r"INFO +\d+/\d+ \w+\.(\w+)")
_EPOCH = re.compile(r"INFO +Epoch (\d+):")
_IMAGES = re.compile(r"INFO +[\w ]+: ([\d,]+) of [\d,]+ images")


class Sample(NamedTuple):
    """One look at a family of processes."""

    seconds: float  # since the first look
    stage: str  # the node that is on, or the phase
    done: int  # epochs or images, as the log last said
    memory: float  # MiB allocated: Pss_Anon and Pss_Shmem; what processes share counts once
    resident: float  # MiB: RssAnon and RssShmem; what processes share counts in each
    handles: int  # open files, pipes and sockets
    threads: int
    processes: int


class Watch:
    """Looks at a process and all that descend from it, every second, from a thread of its own.

    Args:
        pid: The process.
        log: What it writes, where it is a `kedro run`: says the stage and how much is done.
    """

    def __init__(self, pid: int, log: Path | None = None) -> None:
        self.samples: list[Sample] = []
        self.stage, self.done, self._has_epochs = "", 0, False
        self._pid, self._log, self._read = pid, log, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> "Watch":
        self._start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._over.wait(EVERY_S - (time.monotonic() - self._start) % EVERY_S):
            self._follow_log()
            seconds = time.monotonic() - self._start
            found = [counts for pid in _family(self._pid) if (counts := _counts(pid)) is not None]
            if found:
                memory, resident, handles, threads = (
                    sum(column) for column in zip(*found, strict=True)
                )
                self.samples.append(
                    Sample(
                        *(round(seconds, 2), self.stage, self.done),
                        *(round(memory / 1024, 2), round(resident / 1024, 2)),
                        *(handles, threads, len(found)),
                    )
                )

    def _follow_log(self) -> None:
        if self._log is None or not self._log.exists():
            return
        with self._log.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if match := _NODE.search(line):
                self.stage, self.done, self._has_epochs = match[1], 0, False
            elif match := _EPOCH.search(line):
                self.done, self._has_epochs = int(match[1]), True
            elif not self._has_epochs and (match := _IMAGES.search(line)):
                self.done = int(match[1].replace(",", ""))


def watch_run(arguments: Sequence[str], project: Path, log: Path) -> list[Sample]:
    """Run a command to its end and return what was seen; an error is one."""
    log.unlink(missing_ok=True)
    with Command(arguments, project, log) as command:
        with Watch(command.pid, log) as watch:
            command.wait()
        command.succeed()
    return watch.samples


def _family(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def _counts(pid: int) -> tuple[int, int, int, int] | None:
    """Return KiB allocated, KiB resident, handles and threads; ``None`` if it has ended."""
    folder = Path(f"/proc/{pid}")
    try:
        allocated = _numbers(folder / "smaps_rollup", ("Pss_Anon", "Pss_Shmem"))
        own = _numbers(folder / "status", ("RssAnon", "RssShmem", "Threads"))
        handles = sum(1 for _ in (folder / "fd").iterdir())
    except (OSError, KeyError):
        return None
    num_threads = own.pop("Threads")
    return sum(allocated.values()), sum(own.values()), handles, num_threads


def _numbers(file: Path, names: Iterable[str]) -> dict[str, int]:
    found = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return {name: int(found[name].split()[0]) for name in names}


def slope(samples: Sequence[Sample], over: Callable[[Sample], float]) -> float:
    """Return MiB for each unit of ``over``: the median slope of all pairs (Theil and Sen).

    A moment's peak does not move it; a leak does. Of what is resident: a worker that comes to have
    a page of its own, which it shared before, holds nothing new.
    """
    result = theilslopes([s.resident for s in samples], [over(s) for s in samples])
    return float(result.slope)


def second_half(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples of the second half of the time."""
    middle = (samples[0].seconds + samples[-1].seconds) / 2
    return [sample for sample in samples if sample.seconds >= middle]


def median(samples: Sequence[Sample], of: str) -> float:
    """Return the median of a field."""
    return float(np.median([getattr(sample, of) for sample in samples]))


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write a CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Sample._fields)
        writer.writerows(samples)


def read_samples(path: Path) -> list[Sample]:
    """Read what ``write_samples`` wrote."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [
        Sample(float(s), stage, int(done), float(m), float(r), int(h), int(t), int(p))
        for s, stage, done, m, r, h, t, p in rows
    ]


@dataclass
class Verdict:
    """The answers of one part of the load test.

    Attributes:
        name: The part.
        facts: Name -> number or text.
        checks: What was to hold, with limit and number, and whether it does.
    """

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    checks: list[tuple[str, bool]] = field(default_factory=list)

    def hold(self, what: str, value: float, *, at_most: float, unit: str = "") -> None:
        """Check an upper limit."""
        text = f"{what}: {value:,.4g} of at most {at_most:,.4g} {unit}".rstrip()
        self.checks.append((text, value <= at_most))

    def equal(self, what: str, value: object, expected: object) -> None:
        """Check a value that follows from nothing but what was asked."""
        self.checks.append((f"{what}: {value}, expected {expected}", value == expected))

    @property
    def is_kept(self) -> bool:
        """Whether every limit holds."""
        return all(holds for _, holds in self.checks)

    def report(self, folder: Path, machine: str) -> None:
        """Print it, and write it as JSON."""
        print(f"{self.name}: {'kept' if self.is_kept else 'BROKEN'}")
        for name, value in self.facts.items():
            print(f"  {name}: {value}")
        for text, holds in self.checks:
            print(f"  {'ok    ' if holds else 'BROKEN'} {text}", flush=True)
        content = json.dumps({"machine": machine, **asdict(self)}, indent=1, default=str)
        (folder / f"{self.name}.json").write_text(content + "\n")


def counts(values: Sequence[Any]) -> dict[Any, int]:
    """Return how often each value occurs, the most frequent first."""
    return dict(Counter(values).most_common())
