"""An error ends with its message and what to do, and with a traceback where nobody foresaw it."""

import errno
import gc
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kedro.io import DatasetError

from face_forgery.datasets.atomic import FileError
from face_forgery.hooks import error_messages
from face_forgery.hooks.error_messages import (
    is_fault_of_input,
    remedy_for,
    send_signal_again,
    show_error,
)
from face_forgery.params import ParameterError

ROOT = Path(__file__).parents[2]


def raised_from(cause):
    error = DatasetError("Failed while saving data to dataset x")
    error.__cause__ = cause
    return error


@pytest.fixture
def set_level(monkeypatch):
    def set_to(level):
        monkeypatch.setattr(error_messages.logger, "level", level)
        error_messages.logger.manager._clear_cache()

    yield set_to
    error_messages.logger.manager._clear_cache()


def test_a_fault_of_the_input_ends_with_its_message_whole_and_how_to_set_what_it_names():
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--params", "training.epoch=5,data.rot=/a/folder"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "DO_NOT_TRACK": "true", "COLUMNS": "40"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert lines[0] == "ParameterError: 2 fault(s) in the parameters:"
    assert lines[1].startswith("  data.rot: unknown parameter; did you mean data.root, ")
    assert lines[2].startswith("  training.epoch: unknown parameter; did you mean training.epochs")
    assert lines[3].startswith("(parameters: for one run kedro run --params NAME=VALUE")
    assert lines[4] == "(traceback: set the level of face_forgery to DEBUG in conf/logging.yml)"
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ParameterError("x"), True),
        (raised_from(FileError("x")), True),
        (ValueError("x"), False),
        (raised_from(OSError("x")), False),
    ],
)
def test_faults_of_the_input_are_errors_of_ours_or_caused_by_them(error, expected):
    assert is_fault_of_input(error) is expected


def test_what_kedro_wraps_around_an_error_of_ours_is_left_out(capsys):
    error = raised_from(FileError("/a/b.json: no such file; run ..."))
    show_error(DatasetError, error, None)
    assert capsys.readouterr().err.splitlines()[1] == "FileError: /a/b.json: no such file; run ..."


def run_as_ours(line):
    """Run a line of a module of this project; return its error."""
    try:
        exec(compile(line, "module.py", "exec"), {"__name__": "face_forgery.data.module"})
    except Exception as error:
        return error


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("raise ValueError('training.batch_size is larger than the set')", True),
        ("raise KeyError('x')", True),
        ("int('x')", False),
        ("[][1]", False),
        ("assert False", False),
        ("raise NotImplementedError", False),
    ],
)
def test_what_a_raise_of_ours_says_is_for_people_whatever_class_it_is_of(line, expected):
    assert is_fault_of_input(run_as_ours(line)) is expected
    assert is_fault_of_input(raised_from(run_as_ours(line))) is expected


def test_an_error_that_nobody_foresaw_has_its_traceback_and_ends_with_its_message(capsys):
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError as error:
        show_error(type(error), error, error.__traceback__)
    written = capsys.readouterr().err
    assert "test_error_messages.py" in written
    assert written.endswith("ZeroDivisionError: a bug\n")


def test_debug_level_shows_the_traceback_of_any_error(capsys, set_level):
    set_level(logging.DEBUG)
    show_error(ParameterError, ParameterError("x"), None)
    assert "params.check.ParameterError: x" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Make room"),
        (raised_from(OSError(errno.EROFS, "Read-only file system")), "may not be read or written"),
        (MemoryError(), "training.batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "no memory left"),
        (RuntimeError("operator torchvision::nms does not exist"), "built for another torch"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "num_workers"),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), "num_workers"),
    ],
)
def test_trouble_with_the_machine_has_a_remedy(error, words):
    assert words in remedy_for(error)


@pytest.mark.parametrize(
    "error",
    [
        raised_from(ValueError("x")),
        FileNotFoundError(errno.ENOENT, "No such file"),
        raised_from(FileError("No space left on device: make room")),
    ],
)
def test_any_other_error_has_none(error):
    assert remedy_for(error) is None


def test_trouble_with_the_machine_is_printed_without_a_traceback(capsys, set_level):
    set_level(logging.INFO)
    error = raised_from(MemoryError())
    show_error(DatasetError, error, error.__traceback__)
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0].startswith("DatasetError: Failed while saving")
    assert "training.resume=true" in lines[1]
    assert "--params NAME=VALUE" in lines[2]
    assert len(lines) == 4


def test_an_error_that_a_library_has_made_of_ctrl_c_is_none(capsys):
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise AttributeError("'NoneType' object has no attribute 'x'")  # noqa: B904
    except AttributeError as error:
        show_error(AttributeError, error, error.__traceback__)
    assert capsys.readouterr().err == "\nAborted!\n"


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt()), (signal.SIGTERM, SystemExit(128 + signal.SIGTERM))],
)
def test_a_signal_whose_exception_python_dropped_comes_again(number, error, monkeypatch, capsys):
    class Dying:
        def __del__(self):
            raise error

    def end(number, frame):
        raise error

    monkeypatch.setattr(sys, "unraisablehook", send_signal_again)
    before = signal.signal(number, end)
    try:
        with pytest.raises(type(error)):  # noqa: PT012  (it may come at any of these lines)
            Dying()
            time.sleep(10)
    finally:
        signal.signal(number, before)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [(MemoryError("no room"), r"MemoryError: no room\n"), (KeyError("x"), r"[^$]*Traceback[^$]*")],
)
def test_only_trouble_with_the_machine_is_dropped_in_a_line(monkeypatch, capsys, error, said):
    class Dying:
        def __del__(self):
            raise error

    monkeypatch.setattr(sys, "unraisablehook", send_signal_again)
    Dying()
    gc.collect()
    assert re.fullmatch(rf"(Ignored: )?{said}", capsys.readouterr().err)
