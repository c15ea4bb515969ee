"""Progress is shown without touching what it watches."""

import io
import logging
import threading
from types import SimpleNamespace

import pytest
import tqdm.std

from face_forgery import progress
from face_forgery.progress import track


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def screen(monkeypatch):
    """What a terminal receives; every update is drawn."""
    file = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=file))
    clock = iter(range(10_000))
    monkeypatch.setattr(tqdm.std, "time", lambda: float(next(clock)))
    return file


@pytest.fixture
def lines(caplog, monkeypatch):
    """The log where no terminal is, by a clock that goes on by ten seconds when it is read."""
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=io.StringIO()))
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr(tqdm.std, "time", lambda: float(next(clock)))
    caplog.set_level(logging.INFO, logger="face_forgery.progress")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("display", ["screen", "lines"])
@pytest.mark.parametrize("total", [4, None])
def test_items_pass_unchanged_and_lazily(display, total, request):
    request.getfixturevalue(display)
    made = []
    source = (made.append(n) or n for n in range(4))
    tracked = track(source, description="d", total=total)
    assert next(tracked) == 0
    assert made == [0]
    assert list(tracked) == [1, 2, 3]


def test_a_bar_shows_what_is_done_of_what_and_how_fast_and_goes_away(screen):
    list(track([[1, 2], [3]], description="Scoring", total=3, unit="faces", count=len))
    for words in ("Scoring", "0/3", "2/3", "faces/s"):
        assert words in screen.getvalue()
    assert screen.getvalue().endswith("\r")
    assert "3/3" in screen.getvalue()


def test_a_bar_inside_a_bar_is_drawn_below_it_by_no_thread_of_its_own(screen):
    num_threads = threading.active_count()
    for _ in track(range(1), description="outer", total=1):
        list(track(range(2), description="inner", total=2))
        assert threading.active_count() == num_threads
    assert "\n\rinner" in screen.getvalue()


@pytest.mark.parametrize("display", ["screen", "lines"])
def test_an_error_of_the_source_or_the_reader_is_not_swallowed_and_claims_nothing(
    display, request, caplog
):
    request.getfixturevalue(display)

    def broken():
        yield 1
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        list(track(broken(), description="d", total=2))
    with pytest.raises(ZeroDivisionError):
        [1 / 0 for _ in track([1, 2], description="d", total=2)]
    stopped = track(range(3), description="d", total=3)
    next(stopped)
    stopped.close()
    assert not any(" in " in record.getMessage() for record in caplog.records)


def test_the_last_line_says_how_many_and_how_fast_on_a_terminal_too(screen, caplog):
    with caplog.at_level(logging.INFO, logger="face_forgery.progress"):
        list(track([[0] * 1000, [0] * 500], description="Scored", total=1500, count=len))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("Scored: 1,500 images in ")
    assert line.endswith(" images/s")


def test_log_lines_come_seconds_apart_with_rate_and_time_left(lines):
    list(track(range(6), description="Hashing", total=6, unit="faces"))
    *shown, last = lines()
    assert shown
    assert all(line.startswith("Hashing: ") and " of 6 faces, 0.0" in line for line in shown)
    assert shown[0].endswith(" left")
    assert last.startswith("Hashing: 6 faces in ")


def test_a_line_of_others_on_the_terminal_brings_no_log_line(lines):
    for _ in track(range(2), description="d", total=2):
        with tqdm.std.tqdm.external_write_mode(progress.sys.stderr):
            assert lines() == []


def test_quick_work_and_work_without_a_total_promise_no_end(lines):
    list(track(range(8), description="d", total=None))
    assert lines()[0].startswith("d: ")
    assert not any("left" in line for line in lines())
