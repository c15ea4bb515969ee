"""What people read while a run goes on: whole lines, one a node, above the progress bar."""

import io
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from kedro.logging import RichHandler
from kedro.pipeline import Node, Pipeline
from rich.console import Console

from face_forgery import progress
from face_forgery.hooks import console
from face_forgery.hooks.console import ConsoleHooks, prepare_log_handlers
from face_forgery.progress import track

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def root_handlers():
    root = logging.getLogger()
    before = root.handlers[:]
    yield root.handlers
    root.handlers[:] = before


def test_lines_in_a_pipe_are_whole(root_handlers, capsys):
    others = logging.NullHandler()
    root_handlers[:] = [others, RichHandler()]
    prepare_log_handlers()
    assert others in root_handlers
    assert not any(isinstance(handler, RichHandler) for handler in root_handlers)
    logging.getLogger("face_forgery.test").warning("saved %s", "/a/" + "long/" * 50 + "[name]")
    assert "/a/" + "long/" * 50 + "[name]\n" in capsys.readouterr().out


def test_lines_on_a_terminal_keep_their_colors_and_come_above_the_bar(root_handlers, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=screen))
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=screen))
    monkeypatch.setattr("sys.stdout", screen)
    handler = RichHandler(console=Console(file=screen, force_terminal=True, width=80))
    root_handlers[:] = [handler]
    prepare_log_handlers()
    assert root_handlers == [handler]
    for _ in track(range(2), description="Scoring", total=2):
        logging.getLogger("face_forgery.test").warning("look here")
    bar, line = screen.getvalue().split("look here")[0].rsplit("\r", maxsplit=1)
    assert "Scoring" in bar
    assert "Scoring" not in line


def test_a_node_is_one_line_with_its_number_and_what_it_makes(caplog):
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


@pytest.mark.parametrize("ends_with_error", [False, True])
def test_a_run_ends_with_what_came_of_it_and_where_it_is(
    caplog, tmp_path, monkeypatch, ends_with_error
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.html").touch()

    def entry(path, **metadata):
        return SimpleNamespace(_filepath=path, metadata=metadata)

    hooks = ConsoleHooks()
    catalog = {
        "table": entry(tmp_path / "out/table.csv", console="The verdicts"),
        "pages": entry(tmp_path / "pages", console="The pages"),
        "far": entry("s3://bucket/a.csv", console="The copy"),
        "other": entry(tmp_path / "other"),
        "none": SimpleNamespace(),
    }
    with caplog.at_level(logging.INFO, logger="face_forgery"):
        hooks.after_catalog_created(catalog)
        hooks.before_pipeline_run(Pipeline([]))
        hooks.after_dataset_saved("job_ending", ["not yet"])
        hooks.after_dataset_saved("job_ending", ["2 images: 1 real, 1 fake"])
        for name in catalog:
            hooks.after_dataset_saved(name, None)
        (hooks.on_pipeline_error if ends_with_error else hooks.after_pipeline_run)()
    expected = [
        "2 images: 1 real, 1 fake",
        "The verdicts: out/table.csv",
        "The pages: pages/index.html",
        "The copy: s3://bucket/a.csv",
    ]
    assert [record.getMessage() for record in caplog.records][-4:] == expected


def test_a_name_in_brackets_is_no_markup():
    settings = yaml.safe_load((ROOT / "conf/logging.yml").read_text())["handlers"]["rich"]
    screen = io.StringIO()
    handler = RichHandler(console=Console(file=screen, width=200), markup=settings["markup"])
    handler.handle(logging.makeLogRecord({"msg": "[bold]a[/x].jpg", "levelno": 20}))
    assert "[bold]a[/x].jpg" in screen.getvalue()
