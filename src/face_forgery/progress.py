"""Progress of long work: a bar with a rate and the time left, or log lines where nobody looks."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

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


class _RateColumn(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} {self._unit}/s")


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
            "%s: %s%s %s, %s %s/s%s",
            self._description,
            f"{self._num_done:,}",
            of,
            self._unit,
            f"{rate:,.0f}",
            self._unit,
            left,
        )


def track(
    items: Iterable[T],
    *,
    description: str,
    total: int | None,
    unit: str = "images",
    count: Callable[[T], int] = lambda item: 1,
) -> Iterator[T]:
    """Yield ``items`` unchanged while showing how many are done, how fast, and what is left.

    Args:
        items: Anything iterable; consumed lazily.
        description: A few words, shown before the bar.
        total: How many units there are in all; ``None`` if unknown.
        unit: What is counted, in the plural.
        count: How many units one item holds: 1, or the length of a batch.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        reporter = _LogReporter(description, total, unit)
        for item in items:
            yield item
            reporter.advance(count(item))
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=total)
        for item in items:
            yield item
            progress.advance(task, count(item))
