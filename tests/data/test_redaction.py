"""Passwords in URLs do not leave the machine with what is written down."""

import json

import pytest

from face_forgery.data.redaction import mask, mask_values, one_line


@pytest.mark.parametrize(
    "text",
    [
        "http://me:hunter2@host:5000",
        "postgresql+psycopg2://me:p@hunter2@host/db",
        "kedro run --params 'tracking.tracking_uri=https://hunter2@host/x'",
        "https://host/a.jpg?X-Amz-Credential=hunter2&X-Amz-Signature=hunter2",
        "https://host/a.jpg?sv=1&sig=hunter2",
        "https://host/a?access_token=hunter2 and more",
        "two: s3://k:hunter2@b/x, s3://k:hunter2@b/y",
    ],
)
def test_no_password_is_left(text):
    assert "hunter2" not in mask(text)
    assert "hunter2" not in json.dumps(mask_values({"a": [{"b": text}], "c": text}))


def test_everything_else_stays():
    urls = ["sqlite:///mlflow.db", "s3://bucket/a@b.jpg", "https://host/page?size=3&of=me@host"]
    values = {"urls": urls, "text": "me@host and /a/b@c", "a": 1, "b": None, "c": [True, 0.5]}
    assert mask_values(values) == values


def test_of_a_long_message_the_beginning_and_the_end_are_shown():
    shown = one_line("a" + "\x1b" * 1_000_000 + "z")
    assert len(shown) <= 2000
    assert (shown[:5], shown[-5:]) == ("a\\x1b", "\\x1bz")
