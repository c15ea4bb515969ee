"""What people read while a run goes on: one line a node, whole lines, below them the bar."""

import logging
import os
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.logging import RichHandler
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from tqdm import tqdm

from face_forgery.data.images.remote import is_url
from face_forgery.hooks.error_messages import show_error

logger = logging.getLogger(__name__)

_ENDING = "_ending"  # ends the names of catalog entries with lines to end a run with


class ConsoleHooks:
    """One line a node, lines that fit the terminal or the pipe, errors without a traceback."""

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Prepare the console before anything can fail."""
        prepare_log_handlers()
        sys.excepthook = show_error

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Remember how much there is to do."""
        self._start = time.monotonic()
        self._num_nodes, self._num_started = len(pipeline.nodes), 0
        self._saved: dict[str, str] = {}  # what people look for -> where it is
        self._endings: dict[str, list[str]] = {}

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Write one line a node: which of how many, its name, what it makes."""
        self._num_started += 1
        logger.info(
            "%d/%d %s -> %s",
            self._num_started,
            self._num_nodes,
            node.name,
            ", ".join(node.outputs) or "nothing",
        )

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Keep the catalog, which knows where things are."""
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Remember what to say at the end: lines of a node, and where the results are."""
        if dataset_name.endswith(_ENDING):
            self._endings[dataset_name] = data
            return
        if getattr(data, "empty", False) is True:  # a table without rows is nothing to look at
            return
        dataset: Any = self._catalog.get(dataset_name)
        if title := (getattr(dataset, "metadata", None) or {}).get("console"):
            path = str(dataset._filepath)
            self._saved[title] = path if is_url(path) else _short(Path(path))

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Write how many nodes ran (`--only-missing-outputs` leaves some out) and what came of it.

        The results are the last lines, behind those of tracking.
        """
        logger.info(
            "Done: %d of %d nodes in %.1f s",
            self._num_started,
            self._num_nodes,
            time.monotonic() - self._start,
        )
        self._show_results()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Write where results are: those that were saved before the error."""
        self._show_results()

    def _show_results(self) -> None:
        for line in chain.from_iterable(self._endings.values()):
            logger.info("%s", line)
        for title, path in self._saved.items():
            logger.info("%s: %s", title, path)


def _short(path: Path) -> str:
    """Return a path as seen from here; of a folder of pages its index."""
    index = path / "index.html"
    shown = os.path.relpath(index if index.exists() else path)
    return str(path) if shown.startswith("..") else shown


class _PlainHandler(logging.StreamHandler[Any]):
    """Writes to whatever ``sys.stdout`` is at the moment."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Keep following ``sys.stdout``."""


class _AboveBars(RichHandler):
    """Kedro's handler for a terminal; lines come above the progress bar, not into it."""

    def emit(self, record: logging.LogRecord) -> None:
        with tqdm.external_write_mode():
            super().emit(record)


def prepare_log_handlers() -> None:
    """Replace Kedro's console handler where no terminal is: it folds lines at 80 columns."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, RichHandler)]:
        if sys.stdout.isatty():
            handler.__class__ = _AboveBars
            continue
        plain = _PlainHandler()
        plain.setLevel(handler.level)
        plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
        root.removeHandler(handler)
        root.addHandler(plain)
