"""How strongly a JPEG was compressed."""

import io

import pytest
from PIL import Image

from face_forgery.data.images.decoding import read_reduced
from face_forgery.data.images.jpeg_quality import estimate_jpeg_quality


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 83, 95, 100])
def test_the_quality_that_pillow_was_asked_for_is_found(tmp_path, draw, quality):
    path = tmp_path / "a.jpg"
    draw(0).save(path, quality=quality)
    assert read_reduced(path, side=1).jpeg_quality == quality


def test_a_table_of_another_encoder_gets_the_nearest_quality(draw):
    buffer = io.BytesIO()
    draw(0).save(buffer, "JPEG", quality=80)
    table = Image.open(buffer).quantization[0]
    nudged = [step + (index % 7 == 0) for index, step in enumerate(table)]
    assert abs(estimate_jpeg_quality(nudged) - 80) <= 2


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp"])
def test_other_formats_have_none(tmp_path, draw, suffix):
    path = tmp_path / f"a.{suffix}"
    draw(0).save(path)
    assert read_reduced(path, side=1).jpeg_quality is None


def test_a_table_of_another_size_is_refused():
    with pytest.raises(ValueError, match="has 64 steps, this one 3"):
        estimate_jpeg_quality([1, 2, 3])
