"""Progress is shown without touching what it watches."""

import io
import logging

import pytest
from rich.console import Console

from face_forgery import progress
from face_forgery.progress import track


@pytest.fixture
def screen(monkeypatch):
    """What a terminal would receive."""
    file = io.StringIO()

    def terminal(*, stderr):
        assert stderr
        return Console(file=file, force_terminal=True, width=120)

    monkeypatch.setattr(progress, "Console", terminal)
    return file


@pytest.fixture
def pipe(monkeypatch):
    """No terminal, and a clock that goes on by ten seconds whenever it is read."""
    ticks = iter(range(0, 10_000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(progress, "Console", lambda *, stderr: Console(file=io.StringIO()))


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="face_forgery.progress")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("total", [4, None])
def test_items_pass_unchanged_and_lazily_on_a_terminal(screen, total):
    made = []
    source = (made.append(n) or n for n in range(4))
    tracked = track(source, description="d", total=total)
    assert next(tracked) == 0
    assert made == [0]
    assert list(tracked) == [1, 2, 3]


def test_items_pass_unchanged_without_a_terminal(pipe):
    assert list(track(iter("abc"), description="d", total=None)) == ["a", "b", "c"]


def test_bar_shows_what_is_done_of_what(screen):
    for _ in track([[1, 2], [3]], description="Scoring", total=3, count=len):
        progress._open[0].refresh()
    assert "Scoring" in screen.getvalue()
    assert "0/3" in screen.getvalue()
    assert "2/3" in screen.getvalue()


def test_bar_shows_the_rate_in_its_unit(screen):
    for _ in track(range(3), description="d", total=3, unit="faces"):
        progress._open[0].refresh()
    assert "faces/s" in screen.getvalue()


def test_bar_inside_a_bar_shares_the_display_and_leaves_it(screen):
    for _ in track(range(1), description="outer", total=1):
        (display,) = progress._open
        for _ in track(range(2), description="inner", total=2):
            assert [task.description for task in display.tasks] == ["outer", "inner"]
            assert progress._open == [display]
        assert [task.description for task in display.tasks] == ["outer"]
    assert progress._open == []


def test_error_of_the_source_is_not_swallowed_and_closes_the_display(screen):
    def broken():
        yield 1
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        list(track(broken(), description="d", total=2))
    assert progress._open == []


def test_error_of_the_consumer_is_not_swallowed_and_shows_the_cursor_again(screen, lines):
    def consume():
        for item in track([1, 2], description="d", total=2):
            raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        consume()
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l")
    assert lines() == []


def test_display_is_stopped_at_exit_while_a_traceback_keeps_it_alive(screen, monkeypatch):
    at_exit = []
    monkeypatch.setattr(progress.atexit, "register", at_exit.append)
    tracked = track([1, 2], description="d", total=2)
    next(tracked)
    (stop,) = at_exit
    stop()
    assert screen.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in screen.getvalue()
    tracked.close()


def test_last_line_says_how_many_and_how_fast(pipe, lines):
    list(track([[0] * 1000, [0] * 500], description="Scored", total=1500, count=len))
    # start, the reporter's start, two advances, the end
    assert lines()[-1] == "Scored: 1,500 images in 40.0 s, 38 images/s"


def test_last_line_is_written_on_a_terminal_too(screen, lines):
    list(track(range(3), description="Scored", total=3))
    (line,) = lines()
    assert line.startswith("Scored: 3 images in 0.0 s")


def test_stopping_early_claims_nothing(pipe, lines):
    tracked = track(range(3), description="d", total=3)
    next(tracked)
    tracked.close()
    assert lines() == []


def test_log_lines_come_seconds_apart_with_rate_and_time_left(pipe, lines):
    list(track(range(6), description="Hashing", total=6, unit="faces"))
    assert lines()[:-1] == [
        "Hashing: 2 of 6 faces, 0.1 faces/s, 40 s left",
        "Hashing: 4 of 6 faces, 0.1 faces/s, 20 s left",
        "Hashing: 6 of 6 faces, 0.1 faces/s, 0 s left",
    ]


def test_log_lines_without_a_total_promise_no_end(pipe, lines):
    list(track(range(2), description="d", total=None))
    assert lines()[0] == "d: 2 images, 0.1 images/s"
