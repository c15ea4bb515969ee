"""What people read while and after a run: whole lines, and errors that end with their message."""

import logging
import sys
import time
import traceback
from types import TracebackType
from typing import Any, TextIO

from kedro.framework.hooks import hook_impl
from kedro.logging import RichHandler
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from face_forgery.hooks.mishaps import causes_of, remedy_for

logger = logging.getLogger(__name__)

_HINT = "(traceback: set the level of face_forgery to DEBUG in conf/logging.yml)"


class ConsoleHooks:
    """One line a node, whole lines in pipes, and faults of the input without a traceback."""

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Prepare the console before anything can fail."""
        write_whole_lines_to_pipes()
        sys.excepthook = show_error

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Remember how much there is to do."""
        self._start = time.monotonic()
        self._num_nodes, self._num_started = len(pipeline.nodes), 0

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
    def after_pipeline_run(self) -> None:
        """Write how much was done; fewer nodes than there are: `--only-missing-outputs`."""
        logger.info(
            "Done: %d of %d nodes in %.1f s",
            self._num_started,
            self._num_nodes,
            time.monotonic() - self._start,
        )


class _PlainHandler(logging.StreamHandler[Any]):
    """Writes to whatever ``sys.stdout`` is at the moment."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Keep following ``sys.stdout``."""


def write_whole_lines_to_pipes() -> None:
    """Replace Kedro's console handler, which folds at 80 columns, where no terminal is."""
    if sys.stdout.isatty():
        return
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, RichHandler)]:
        plain = _PlainHandler()
        plain.setLevel(handler.level)
        plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
        root.removeHandler(handler)
        root.addHandler(plain)


def show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an uncaught error: a fault of the input by its message, any other with its traceback.

    A fault of the input is an error of a class of ours, or one of Kedro's that wraps such a one.
    What befalls a run from outside is printed by its message and what to do about it.
    """
    if logger.isEnabledFor(logging.DEBUG):
        traceback.print_exception(kind, error, trace)
        return
    if any(isinstance(cause, KeyboardInterrupt) for cause in causes_of(error)):
        sys.stderr.write("\nAborted!\n")  # a library has made an error of Ctrl-C
        return
    remedy = "" if is_fault_of_input(error) else remedy_for(error)
    if remedy is None:
        traceback.print_exception(kind, error, trace)
        return
    sys.stdout.flush()
    lines = [f"{kind.__name__}: {error}", *([remedy] if remedy else []), _HINT]
    sys.stderr.write("\n" + "\n".join(lines) + "\n")


def is_fault_of_input(error: BaseException) -> bool:
    """Tell whether the message alone says what to do: the error, or its cause, is of our making."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__.split(".")[0] == "face_forgery":
            return True
        cause = cause.__cause__
    return False
