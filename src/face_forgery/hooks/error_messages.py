"""Errors that end a run, by their message and what to do about it, without a traceback."""

import dis
import errno
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from face_forgery.hooks.parameters import how_to_set

logger = logging.getLogger(__name__)

_AGAIN_S = 0.1
_PROJECT = "face_forgery"
_HINT = "(traceback: set the level of face_forgery to DEBUG in conf/logging.yml)"
_AGAIN = (
    "give the same command again. What was saved is whole: with training.resume=true training goes "
    "on after the last saved state, and inference goes on after its last saved images"
)
_NO_ROOM = f"The disk has no room left, or a quota is used up. Make room, and {_AGAIN}"
_NOT_WRITABLE = (
    f"That path may not be read or written. Change that or name another one, and {_AGAIN}"
)
_NO_MEMORY = (
    "There is no memory left for the run. Lower training.batch_size, scoring.batch_size or the "
    f"number of processes (training.num_workers, scoring.num_workers), and {_AGAIN}"
)
_WORKER_ENDED = (
    "A process that decodes images was ended from outside, most often by the system because "
    "memory was short. Lower training.num_workers and scoring.num_workers (0: no such processes), "
    f"and {_AGAIN}"
)
_NO_TORCHVISION = (
    "torchvision's compiled part could not be loaded: memory was short, or it was built for "
    "another torch (`pip check` says so). Free memory, or install the two versions that fit, and "
    f"{_AGAIN}"
)
_REMEDY_OF_ERRNO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _NO_ROOM),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), _NOT_WRITABLE),
    errno.ENOMEM: _NO_MEMORY,
}
# Some libraries hide the error of the system in the text of their own.
_REMEDY_OF_WORDS = {
    "DataLoader worker (pid": _WORKER_ENDED,
    "No space left on device": _NO_ROOM,
    "database or disk is full": _NO_ROOM,
    "Read-only file system": _NOT_WRITABLE,
    "attempt to write a readonly database": _NOT_WRITABLE,
    "can't allocate memory": _NO_MEMORY,
    "Cannot allocate memory": _NO_MEMORY,
    "could not create a primitive": _NO_MEMORY,  # oneDNN
    "bad_alloc": _NO_MEMORY,
    "can't start new thread": _NO_MEMORY,
    "failed to map segment": _NO_MEMORY,
    "operator torchvision::": _NO_TORCHVISION,  # it hides why its library was not loaded
}


def send_signal_again(told: Any) -> None:
    """Send a signal again whose exception Python has dropped; for ``sys.unraisablehook``.

    Python drops exceptions in destructors and callbacks. The run would go on after a Ctrl-C or
    SIGTERM, with a traceback. Trouble with the machine, such as memory that is short for what a
    library does at the end, takes a line.
    """
    error = told.exc_value
    if isinstance(error, KeyboardInterrupt):
        number = signal.SIGINT
    elif isinstance(error, SystemExit) and error.code == 128 + signal.SIGTERM:
        number = signal.SIGTERM
    elif error is not None and remedy_for(error):
        sys.stderr.write(f"{told.err_msg or 'Ignored'}: {type(error).__name__}: {error}\n")
        return
    else:
        sys.__unraisablehook__(told)
        return
    to_main = (threading.main_thread().ident, number)
    again = threading.Timer(_AGAIN_S, signal.pthread_kill, to_main)
    again.daemon = True
    again.start()


def show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an uncaught error; for ``sys.excepthook``.

    A fault of the input, and trouble with the machine (disk, memory, processes), is printed by its
    message, what to do, and how to set the parameters that it names; anything else with its
    traceback. What Kedro has wrapped around an error of ours is left out.
    """
    if any(isinstance(cause, KeyboardInterrupt) for cause in _causes_of(error)):
        sys.stderr.write("\nAborted!\n")  # a library may have made another error of Ctrl-C
        return
    remedy = remedy_for(error)
    if logger.isEnabledFor(logging.DEBUG) or not (remedy or is_fault_of_input(error)):
        traceback.print_exception(kind, error, trace)
        return
    sys.stdout.flush()
    told = next((cause for cause in _causes_of(error) if _is_ours(cause)), error)
    lines = [f"{type(told).__name__}: {told}", remedy]
    lines += [how_to_set("\n".join(filter(None, lines))), _HINT]
    sys.stderr.write("\n" + "\n".join(filter(None, lines)) + "\n")


def is_fault_of_input(error: BaseException) -> bool:
    """Tell whether this project has raised the error, or what it was raised from.

    What a ``raise`` of ours says is written for people, whatever class it is of. An error that
    comes out of a library, or of Python itself, is a bug, wherever it was called.
    """
    cause: BaseException | None = error
    while cause is not None and not _is_ours(cause):
        cause = cause.__cause__
    return cause is not None


def _is_ours(error: BaseException) -> bool:
    return _has_class_of_ours(error) or _is_raised_here(error)


def _has_class_of_ours(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] == _PROJECT


def _is_raised_here(error: BaseException) -> bool:
    """Tell whether a ``raise`` statement of this project was where the error began."""
    trace = error.__traceback__
    if trace is None or isinstance(error, AssertionError | NotImplementedError):
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    if trace.tb_frame.f_globals.get("__name__", "").split(".")[0] != _PROJECT:
        return False
    instructions = dis.get_instructions(trace.tb_frame.f_code)
    return any(i.offset == trace.tb_lasti and i.opname == "RAISE_VARARGS" for i in instructions)


def remedy_for(error: BaseException) -> str | None:
    """Return what to do about trouble with the machine; ``None`` for any other error."""
    if any(map(_has_class_of_ours, _causes_of(error))):
        return None
    for cause in _causes_of(error):
        if isinstance(cause, MemoryError):
            return _NO_MEMORY
        if isinstance(cause, OSError) and cause.errno in _REMEDY_OF_ERRNO:
            return _REMEDY_OF_ERRNO[cause.errno]
        for words, remedy in _REMEDY_OF_WORDS.items():
            if words in str(cause):
                return remedy
    return None


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, the last one first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
