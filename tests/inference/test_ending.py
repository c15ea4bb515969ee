"""A job ends by saying how many got which verdict, how many none, and why."""

import logging

import pandas as pd
import pytest

from face_forgery.inference.verdicts import NothingJudgedError, describe_ending


def table(*rows):
    return pd.DataFrame(rows, columns=["img_name", "y_pred", "verdict", "status", "detail"])


REAL = ("a.jpg", 0.1, "real", "ok", None)
FAKE = ("b.jpg", 0.9, "fake", "ok", None)
UNFAMILIAR = ("c.jpg", 0.5, None, "unfamiliar", "unlike what it learnt from")
MISSING = ("d.jpg", None, None, "missing", "no such file: /x/d.jpg")
BROKEN = ("e.jpg", None, None, "unreadable", "cut off")


def test_verdicts_and_statuses_are_counted_without_a_warning_up_to_a_tenth(caplog):
    rows = table(*[REAL] * 7, FAKE, UNFAMILIAR, MISSING)
    with caplog.at_level(logging.WARNING):
        lines = describe_ending(rows, unit="images")
    assert lines == ["10 images: 7 real, 1 fake, 0 unsure, 1 unfamiliar, 1 missing"]
    assert caplog.text == ""


def test_above_a_tenth_the_most_frequent_reason_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        describe_ending(table(*[REAL] * 9, BROKEN, MISSING, MISSING), unit="videos")
    expected = (
        "3 of 12 videos could not be judged; most often missing, such as d.jpg: no such file: "
    )
    assert expected in caplog.text


def test_where_nothing_could_be_judged_that_is_an_error_with_the_reason():
    with pytest.raises(
        NothingJudgedError, match=r"none of the 3 images .* missing, such as d\.jpg"
    ):
        describe_ending(table(MISSING, MISSING, BROKEN), unit="images")
