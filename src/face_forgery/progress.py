"""Progress of long work: a bar on a terminal, log lines where nobody looks."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

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

    On a terminal this is a bar on stderr; elsewhere a log line every 15 seconds. When all items
    are done, a log line says how many there were and how fast; an early stop or an error leaves
    none. ``total`` (``None``: unknown), and ``count`` of one item, are in units.
    """
    bar_class = _Bar if sys.stderr.isatty() else _LogLines
    with bar_class(desc=description, total=total, unit=f" {unit}", file=sys.stderr) as bar:
        for item in items:
            yield item
            bar.update(count(item))
        seconds = bar.format_dict["elapsed"]
    rate = f", {_format_rate(bar.n / seconds, unit)}" if seconds > 0 else ""
    logger.info("%s: %s %s in %.1f s%s", description, f"{bar.n:,}", unit, seconds, rate)


class _Bar(tqdm):  # type: ignore[misc]
    """A bar that goes away when the work is done."""

    monitor_interval = 0  # no thread of tqdm's: the processes of loaders are forked beside the bar

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"leave": False, "dynamic_ncols": True, "miniters": 1, **options})


class _LogLines(_Bar):
    """A line in the log every few seconds, where a bar would fill a file with its redrawings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(mininterval=_LOG_EVERY_S, delay=_LOG_EVERY_S, **options)
        self._instances.discard(self)  # not drawn again after every other line, as bars are

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write the line; tqdm asks for an empty ``msg`` to wipe a bar out."""
        if msg is not None:
            return
        rate = self.n / self.format_dict["elapsed"]
        done, left = f"{self.n:,}", ""
        if self.total is not None:
            done += f" of {self.total:,}"
            left = f", {self.format_interval(max(self.total - self.n, 0) / rate)} left"
        unit = self.unit.strip()
        logger.info("%s: %s %s, %s%s", self.desc, done, unit, _format_rate(rate, unit), left)


def _format_rate(per_second: float, unit: str) -> str:
    return f"{per_second:,.0f} {unit}/s" if per_second >= 10 else f"{per_second:.2g} {unit}/s"
