"""What befalls a run from outside ends in its message and what to do, not in a traceback."""

import errno
import logging

import pytest
from kedro.io import DatasetError

from face_forgery.hooks import console
from face_forgery.hooks.console import show_error
from face_forgery.hooks.mishaps import remedy_for


def wrapped(cause):
    try:
        raise DatasetError("Failed while saving data to dataset x") from cause
    except DatasetError as error:
        return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Make room"),
        (wrapped(OSError(errno.EROFS, "Read-only file system")), "may not be read or written"),
        (MemoryError(), "training.batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "no memory left"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "num_workers"),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), "num_workers"),
    ],
)
def test_an_error_of_the_machine_has_a_remedy(error, words):
    assert words in remedy_for(error)


def test_any_other_error_has_none():
    assert remedy_for(wrapped(ValueError("x"))) is None
    assert remedy_for(FileNotFoundError(errno.ENOENT, "No such file")) is None


def test_an_error_that_a_library_has_made_of_ctrl_c_is_none(capsys):
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise AttributeError("'NoneType' object has no attribute 'x'")  # noqa: B904
    except AttributeError as error:
        show_error(AttributeError, error, error.__traceback__)
    assert capsys.readouterr().err == "\nAborted!\n"


def test_an_error_of_the_machine_is_printed_without_a_traceback(capsys, monkeypatch):
    monkeypatch.setattr(console.logger, "level", logging.INFO)
    error = wrapped(OSError(errno.ENOSPC, "No space left on device"))
    show_error(DatasetError, error, error.__traceback__)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.splitlines()[1].startswith("DatasetError: Failed while saving")
    assert "training.resume=true" in said
