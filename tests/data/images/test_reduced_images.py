"""A picture decoded small says how large it is, and hides no damage."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from face_forgery.data.images.decoding import ImageError, read_reduced, read_rgb


def make_picture(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def sideways() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return exif


def test_a_reduced_jpeg_states_its_own_size_upright(tmp_path):
    path = tmp_path / "sideways.jpg"
    make_picture(256, 128).save(path, exif=sideways())
    reduced = read_reduced(path, side=32)
    assert (reduced.width, reduced.height, reduced.format) == (128, 256, "JPEG")
    assert reduced.pixels.shape == (64, 32, 3)


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_a_format_without_smaller_scales_is_decoded_whole(tmp_path, suffix):
    path = tmp_path / f"sideways.{suffix}"
    make_picture(256, 128).save(path, exif=sideways())
    reduced = read_reduced(path, side=32)
    assert (reduced.width, reduced.height) == (128, 256)
    np.testing.assert_array_equal(reduced.pixels, read_rgb(path))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share_left", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_jpeg_is_found_at_any_scale(tmp_path, progressive, share_left):
    whole = io.BytesIO()
    make_picture(512, 512).save(whole, "JPEG", progressive=progressive)
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share_left)])
    with pytest.raises(ImageError, match=r"cut\.jpg: damaged: .*truncated"):
        read_reduced(path, side=1)
