"""What a worker process says when its main process is gone."""

import os

import pytest

from face_forgery.data.workers import _complain


@pytest.mark.parametrize(
    ("parent", "error", "is_told"),
    [
        (os.getppid(), ConnectionResetError(104, "reset"), True),
        (os.getppid(), ValueError("bad"), True),
        (-1, ConnectionResetError(104, "reset"), False),  # another parent than at the start
        (-1, EOFError(), False),
        (-1, ValueError("bad"), True),
    ],
)
def test_a_lost_connection_is_an_error_only_while_the_main_process_lives(parent, error, is_told):
    told = []
    _complain(parent, lambda *values: told.append(values), type(error), error, None)
    assert told == ([(type(error), error, None)] if is_told else [])
