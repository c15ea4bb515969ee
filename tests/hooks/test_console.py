"""What people read: whole lines, one a node, errors that end with their message."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kedro.io import DatasetError
from kedro.logging import RichHandler
from kedro.pipeline import Node, Pipeline
from rich.console import Console

from face_forgery.datasets.atomic import FileError
from face_forgery.hooks import console
from face_forgery.hooks.console import ConsoleHooks, is_fault_of_input, show_error
from face_forgery.params import ParameterError

ROOT = Path(__file__).parents[2]


def kedro_run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "kedro", "run", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "DO_NOT_TRACK": "true", "COLUMNS": "40"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_users_fault_ends_with_its_message_whole_and_no_traceback():
    done = kedro_run("--params", "training.epoch=5,data.rot=/a/very/long/folder/name/for/forty")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines() == [
        "ParameterError: 2 fault(s) in the parameters (conf/*/parameters*.yml or --params):",
        "  data.rot: unknown parameter; did you mean data.root, demo_data.root, data?",
        "  training.epoch: unknown parameter; "
        "did you mean training.epochs, training.cache, training.warmup_epochs?",
        "(traceback: set the level of face_forgery to DEBUG in conf/logging.yml)",
    ]


def chained(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ParameterError("x"), True),
        (chained(DatasetError("cannot load"), ParameterError("x")), True),
        (chained(DatasetError("predictions: x"), FileError("x")), True),
        (ValueError("x"), False),
        (chained(DatasetError("cannot load"), OSError("x")), False),
    ],
)
def test_faults_of_the_input_are_errors_of_ours_or_caused_by_them(error, expected):
    assert is_fault_of_input(error) is expected


def test_an_error_that_nobody_foresaw_has_its_traceback_and_ends_with_its_message(capsys):
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError as error:
        show_error(type(error), error, error.__traceback__)
    written = capsys.readouterr().err
    assert "test_console.py" in written
    assert written.endswith("ZeroDivisionError: a bug\n")


def test_debug_level_shows_the_traceback_of_any_error(capsys, monkeypatch):
    monkeypatch.setattr(console.logger, "level", logging.DEBUG)
    console.logger.manager._clear_cache()
    show_error(ParameterError, ParameterError("x"), None)
    console.logger.manager._clear_cache()
    assert "params.check.ParameterError: x" in capsys.readouterr().err


@pytest.fixture
def root_handlers():
    root = logging.getLogger()
    before = root.handlers[:]
    yield root.handlers
    root.handlers[:] = before


def test_lines_in_a_pipe_are_whole(root_handlers, capsys):
    root_handlers[:] = [RichHandler()]
    console.write_whole_lines_to_pipes()
    assert not any(isinstance(handler, RichHandler) for handler in root_handlers)
    logging.getLogger("face_forgery.test").warning("saved %s", "/a/" + "long/" * 50 + "[name]")
    assert "/a/" + "long/" * 50 + "[name]\n" in capsys.readouterr().out


def test_a_terminal_keeps_its_colors(root_handlers, monkeypatch):
    handler = RichHandler()
    root_handlers[:] = [handler]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    console.write_whole_lines_to_pipes()
    assert root_handlers == [handler]


def test_handlers_of_others_stay(root_handlers):
    handler = logging.NullHandler()
    root_handlers[:] = [handler]
    console.write_whole_lines_to_pipes()
    assert root_handlers == [handler]


def test_a_node_is_one_line_with_its_place_and_what_it_makes(caplog):
    nodes = [
        Node(lambda value: value, "a", ["b", "c"], name="first"),
        Node(lambda value: None, "b", None, name="second"),
    ]
    hooks = ConsoleHooks()
    with caplog.at_level(logging.INFO, logger="face_forgery"):
        hooks.before_pipeline_run(Pipeline(nodes))
        for node in nodes:
            hooks.before_node_run(node)
        hooks.after_pipeline_run()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == ["1/2 first -> b, c", "2/2 second -> nothing"]
    assert lines[2].startswith("Done: 2 of 2 nodes in 0.")


def test_a_name_in_brackets_is_no_markup(tmp_path):
    settings = yaml.safe_load((ROOT / "conf/logging.yml").read_text())["handlers"]["rich"]
    with (tmp_path / "log").open("w") as file:
        handler = RichHandler(console=Console(file=file, width=200), markup=settings["markup"])
        handler.handle(logging.makeLogRecord({"msg": "[bold]a[/x].jpg", "levelno": 20}))
    assert "[bold]a[/x].jpg" in (tmp_path / "log").read_text()
