"""What a JPEG's markers say: how strongly it was compressed, and how many scans it has."""

import io

import pytest
from PIL import Image

from face_forgery.data.images.decoding import read_reduced
from face_forgery.data.images.jpeg import estimate_jpeg_quality, has_too_many_scans
from face_forgery.limits import MAX_SCANS

SCAN = b"\xff\xda"


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 83, 95, 100])
def test_the_quality_that_pillow_was_asked_for_is_found(tmp_path, draw, quality):
    path = tmp_path / "a.jpg"
    draw(0).save(path, quality=quality)
    assert read_reduced(path, side=1).header.jpeg_quality == quality
    draw(0).save(path, "PNG")
    assert read_reduced(path, side=1).header.jpeg_quality is None


def test_a_table_of_another_encoder_gets_the_nearest_quality_and_one_of_another_size_none(draw):
    buffer = io.BytesIO()
    draw(0).save(buffer, "JPEG", quality=80)
    table = Image.open(buffer).quantization[0]
    nudged = tuple(step + (index % 7 == 0) for index, step in enumerate(table))
    assert abs(estimate_jpeg_quality(nudged) - 80) <= 2
    with pytest.raises(ValueError, match="has 64 steps, this one 3"):
        estimate_jpeg_quality((1, 2, 3))


@pytest.fixture
def progressive(make_picture, encode):
    return encode(make_picture(), progressive=True)


def with_scans(jpeg, number):
    """The same JPEG with its last scan so often that there are ``number`` of them."""
    last = jpeg[jpeg.rindex(SCAN) : -2]
    return jpeg[:-2] + (number - jpeg.count(SCAN)) * last + jpeg[-2:]


@pytest.mark.parametrize(("number", "expected"), [(MAX_SCANS, False), (MAX_SCANS + 1, True)])
def test_as_many_scans_as_are_allowed_pass(progressive, number, expected):
    file = io.BytesIO(with_scans(progressive, number))
    file.seek(7)
    assert has_too_many_scans(file) is expected
    assert file.tell() == 7


def test_markers_in_segments_and_behind_the_end_are_no_scans(progressive):
    comment = b"\xff\xfe" + (2 + 2 * 200).to_bytes(2, "big") + 200 * SCAN
    behind = b"\0\2" + 200 * (SCAN + b"\0\2")
    jpeg = progressive[:2] + comment + progressive[2:] + behind
    assert has_too_many_scans(io.BytesIO(jpeg)) is False
