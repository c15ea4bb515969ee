"""A JPEG with too many passes is told from one that only holds their mark."""

import io

import pytest

from face_forgery.data.images.jpeg_scans import MAX_SCANS, has_too_many_scans

SCAN = b"\xff\xda"


@pytest.fixture
def progressive(make_picture, encode):
    return encode(make_picture(), progressive=True)


def with_scans(jpeg, number):
    """The same JPEG with its last scan so often that there are ``number`` of them."""
    last = jpeg[jpeg.rindex(SCAN) : -2]
    return jpeg[:-2] + (number - jpeg.count(SCAN)) * last + jpeg[-2:]


@pytest.mark.parametrize(("number", "expected"), [(MAX_SCANS, False), (MAX_SCANS + 1, True)])
def test_as_many_scans_as_are_allowed_pass(progressive, number, expected):
    assert has_too_many_scans(io.BytesIO(with_scans(progressive, number))) is expected


def test_marks_in_segments_and_behind_the_end_are_no_scans(progressive):
    comment = b"\xff\xfe" + (2 + 2 * 200).to_bytes(2, "big") + 200 * SCAN
    behind = b"\0\2" + 200 * (SCAN + b"\0\2")
    jpeg = progressive[:2] + comment + progressive[2:] + behind
    assert has_too_many_scans(io.BytesIO(jpeg)) is False


def test_the_file_is_left_at_its_place(progressive):
    file = io.BytesIO(with_scans(progressive, 500))
    file.seek(7)
    assert has_too_many_scans(file)
    assert file.tell() == 7
