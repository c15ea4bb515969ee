"""Progress of long work: a bar with a rate and the time left, or log lines where nobody looks."""

import atexit
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

logger = logging.getLogger(__name__)

T = TypeVar("T")
_LOG_EVERY_S = 15.0


def track(
    items: Iterable[T],
    *,
    description: str,
    total: int | None,
    unit: str = "images",
    count: Callable[[T], int] = lambda item: 1,
) -> Iterator[T]:
    """Yield ``items`` unchanged while showing how many are done, how fast, and what is left.

    On a terminal this is a bar on stderr, below what is logged meanwhile; a bar inside another
    one is drawn under it. Elsewhere it is a log line every 15 seconds. When all items are done, a
    log line says how many there were and how fast; whoever stops early or fails leaves none.

    Args:
        items: Anything iterable; consumed lazily.
        description: A few words, shown before the bar.
        total: How many units there are in all; ``None`` if unknown.
        unit: What is counted, in the plural.
        count: How many units one item holds: 1, or the length of a batch.
    """
    num_done = 0
    start = time.monotonic()
    with _reporting(description, total, unit) as advance:
        for item in items:
            yield item
            step = count(item)
            num_done += step
            advance(step)
    seconds = time.monotonic() - start
    logger.info(
        "%s: %s %s in %.1f s%s",
        description,
        f"{num_done:,}",
        unit,
        seconds,
        f", {_per_second(num_done / seconds, unit)}" if seconds > 0 else "",
    )


def _per_second(rate: float, unit: str) -> str:
    return f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.2g} {unit}/s"


class _Advance(Protocol):
    def __call__(self, num_done: int, /) -> object: ...


@contextmanager
def _reporting(description: str, total: int | None, unit: str) -> Iterator[_Advance]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _LogReporter(description, total, unit).advance
        return
    with _shared_progress(console) as progress:
        task = progress.add_task(description, total=total, unit=unit)
        try:
            yield lambda num_done: progress.advance(task, num_done)
        finally:
            progress.remove_task(task)


_open: list[Progress] = []  # at most one: two displays would draw over each other


@contextmanager
def _shared_progress(console: Console) -> Iterator[Progress]:
    if _open:
        yield _open[0]
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=console, transient=True)
    # A traceback keeps its frames, and so this one, alive: without this, a run that fails would
    # leave a terminal without a cursor.
    atexit.register(progress.stop)
    _open.append(progress)
    try:
        with progress:
            yield progress
    finally:
        _open.remove(progress)
        atexit.unregister(progress.stop)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else _per_second(speed, task.fields["unit"]))


class _LogReporter:
    """Writes a line every few seconds: for logs, pipes and continuous integration."""

    def __init__(self, description: str, total: int | None, unit: str) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._num_done = 0
        self._start = self._last = time.monotonic()

    def advance(self, num_done: int) -> None:
        self._num_done += num_done
        now = time.monotonic()
        if now - self._last < _LOG_EVERY_S:
            return
        self._last = now
        rate = self._num_done / (now - self._start)
        left = ""
        if self._total is not None and rate > 0:
            left = f", {max(self._total - self._num_done, 0) / rate:,.0f} s left"
        of = "" if self._total is None else f" of {self._total:,}"
        logger.info(
            "%s: %s%s %s, %s%s",
            self._description,
            f"{self._num_done:,}",
            of,
            self._unit,
            _per_second(rate, self._unit),
            left,
        )
