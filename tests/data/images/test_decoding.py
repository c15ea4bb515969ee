"""Every image becomes upright 8-bit RGB, or an error that says what is wrong with it."""

import contextlib
import io
import pickle
from pathlib import Path

import cv2
import numpy as np
import PIL
import pytest
from PIL import Image, ImageFile

from face_forgery.data.images import decoding
from face_forgery.data.images.decoding import (
    ImageError,
    InputError,
    decode_opened,
    decode_rgb,
    read_reduced,
    read_rgb,
)

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
EXACT, LOSSY = 0, 24


def make_quadrants(height: int = 96, width: int = 128) -> np.ndarray:
    """Red and green above, blue and yellow below: any turn or swap of channels shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    image[height // 2 :, width // 2 :] = YELLOW
    return image


def assert_same(decoded: np.ndarray, expected: np.ndarray, tolerance: int) -> None:
    assert decoded.dtype == np.uint8
    assert decoded.shape == expected.shape
    difference = np.abs(decoded.astype(int) - expected.astype(int))
    interior = difference.reshape(*difference.shape[:2], 3).max(axis=2)
    assert np.median(interior) <= tolerance
    assert (interior > tolerance).mean() < 0.1  # blurred where quadrants meet


@pytest.mark.parametrize(
    ("mode", "file_format", "tolerance"),
    [
        ("RGB", "JPEG", LOSSY),
        ("RGB", "MPO", LOSSY),
        ("CMYK", "JPEG", LOSSY),
        ("CMYK", "TIFF", EXACT),
        pytest.param(
            *("YCbCr", "TIFF", 2),
            marks=pytest.mark.skipif(
                int(PIL.__version__.split(".")[0]) < 13,
                reason="Pillow 12 does not read the TIFF with YCbCr that it writes",
            ),
        ),
        ("LAB", "TIFF", LOSSY),
        ("P", "PNG", EXACT),
        ("P", "GIF", EXACT),
        ("P", "BMP", EXACT),
        ("RGBA", "PNG", EXACT),
        ("RGBA", "WEBP", LOSSY),
        ("RGB", "PNG", EXACT),
        ("RGB", "BMP", EXACT),
        ("RGB", "TIFF", EXACT),
        ("RGB", "PPM", EXACT),
        ("RGB", "WEBP", LOSSY),
        ("RGB", "AVIF", LOSSY),
        ("RGB", "JPEG2000", LOSSY),
    ],
)
def test_every_mode_and_format_gives_the_same_colors(mode, file_format, tolerance, encode):
    original = Image.fromarray(make_quadrants())
    image = original.quantize(8) if mode == "P" else original.convert(mode)
    options = {"quality": 95, "subsampling": 0} if file_format == "JPEG" else {}
    decoded = decode_rgb(encode(image, file_format, **options))
    assert_same(decoded, make_quadrants(), tolerance)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG2000", "PPM", "PNG in color"])
def test_16_bits_are_scaled_and_not_clipped(file_format, encode):
    values = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64)
    if file_format == "PNG in color":
        data = cv2.imencode(".png", np.repeat(values[..., None], 3, axis=2))[1].tobytes()
    else:
        data = encode(Image.fromarray(values), file_format)
    expected = np.repeat((values >> 8).astype(np.uint8)[..., None], 3, axis=2)
    assert_same(decode_rgb(data), expected, 1)


def test_1_bit_and_32_bits_of_grey_use_the_whole_range(encode):
    eye = np.eye(16, dtype=np.uint8) * 255
    for image in (Image.fromarray(eye).convert("1"), Image.fromarray(eye.astype(np.int32) * 257)):
        decoded = decode_rgb(encode(image, "PNG" if image.mode == "1" else "TIFF"))
        assert np.array_equal(decoded[..., 1], eye)


def test_transparency_shows_white(encode):
    pixels = np.zeros((1, 4, 4), np.uint8)
    pixels[..., 3] = [0, 255, 128, 0]
    palette = Image.fromarray(np.array([[0, 1, 1, 0]], np.uint8), "P")
    palette.putpalette([*RED, *BLUE])
    grey = Image.fromarray(np.array([[0, 300, 300, 0]], np.uint16))
    for image, options, expected in (
        (Image.fromarray(pixels), {}, [[255] * 3, [0] * 3, [127] * 3, [255] * 3]),
        (palette, {"transparency": 0}, [[255] * 3, [*BLUE], [*BLUE], [255] * 3]),
        (grey, {"transparency": 0}, [[255] * 3, [1] * 3, [1] * 3, [255] * 3]),
    ):
        assert decode_rgb(encode(image, "PNG", **options)).tolist() == [expected]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_exif_orientation_is_applied(file_format, orientation, encode):
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](make_quadrants())))
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_rgb(encode(stored, file_format, exif=exif, quality=95))
    assert_same(decoded, make_quadrants(), LOSSY)


@pytest.mark.parametrize(
    ("suffix", "shape"), [("jpg", (64, 32, 3)), ("png", (256, 128, 3)), ("webp", (256, 128, 3))]
)
def test_only_a_jpeg_is_decoded_smaller_and_says_its_own_size_upright(tmp_path, suffix, shape):
    path, exif = tmp_path / f"sideways.{suffix}", Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(make_quadrants(128, 256)).save(path, exif=exif)
    reduced = read_reduced(path, side=32)
    assert (reduced.header.width, reduced.header.height) == (128, 256)
    assert reduced.header.format == {"jpg": "JPEG"}.get(suffix, suffix.upper())
    assert reduced.pixels.shape == shape


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_truncated_jpeg_is_found_at_any_scale(tmp_path, progressive, kept, encode):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((256, 256))
    data = encode(image, "JPEG", progressive=progressive)
    (tmp_path / "cut.jpg").write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ImageError, match=r"cut\.jpg: damaged: .*truncated"):
        read_reduced(tmp_path / "cut.jpg", side=1)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_several_is_used(file_format, encode):
    first, second = (Image.new("RGB", (8, 8), color) for color in (RED, BLUE))
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encode(first, file_format, save_all=True, append_images=[second], **options)
    assert (decode_rgb(data) == RED).all()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_damage_anywhere_gives_pixels_or_an_image_error(file_format, encode):
    rng = np.random.default_rng(0)
    data = encode(Image.fromarray(make_quadrants(16, 24)), file_format)
    for _ in range(100):
        damaged = bytearray(data)
        for position in rng.integers(0, len(data), rng.integers(1, 6)):
            damaged[position] = rng.integers(256)
        with contextlib.suppress(ImageError):
            assert decode_rgb(bytes(damaged)).shape[2] == 3


def test_a_file_gives_what_its_bytes_give(tmp_path, encode):
    data = encode(Image.fromarray(make_quadrants()), "JPEG")
    (tmp_path / "a.png").write_bytes(data)  # the content decides, not the name
    assert np.array_equal(read_rgb(tmp_path / "a.png"), decode_rgb(data))
    assert decode_rgb(data).flags.writeable


def test_a_name_that_no_file_can_have_is_missing_and_the_error_names_it(tmp_path):
    path = tmp_path / "a\0b"
    with pytest.raises(ImageError, match="not a file name") as caught:
        read_rgb(path)
    assert caught.value.status == "missing"
    assert str(caught.value) == f"{path}: {caught.value.detail}"


def test_a_file_without_permission_is_unreadable(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root, who runs many containers, may read anything
    with pytest.raises(ImageError, match="no permission") as caught:
        read_rgb(path)
    assert caught.value.status == "unreadable"


def test_a_bomb_is_refused_before_a_pixel_is_decoded(monkeypatch, encode):
    def decode(self):
        raise AssertionError("a pixel was decoded")

    data = encode(Image.fromarray(make_quadrants()), "PNG")
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    monkeypatch.setenv("FACE_FORGERY_MAX_PIXELS", str(128 * 96 - 1))
    with pytest.raises(ImageError, match=r"128 x 96 pixels are more than the 12,287") as caught:
        decode_rgb(data)
    assert caught.value.status == "too_large"


def test_a_photograph_of_100_megapixels_is_decoded(encode):
    pixels = decode_rgb(encode(Image.new("1", (10_000, 10_000), 1), "PNG"))
    assert pixels.shape == (10_000, 10_000, 3)
    assert pixels[::999, ::999].min() == 255


@pytest.mark.parametrize("value", ["many", "0", "-5", "1e9", "²"])
def test_a_limit_that_is_no_number_of_pixels_is_refused(value, monkeypatch, encode):
    monkeypatch.setenv("FACE_FORGERY_MAX_PIXELS", value)
    with pytest.raises(InputError, match=f"FACE_FORGERY_MAX_PIXELS='{value}' must be a whole"):
        decode_rgb(encode(Image.fromarray(make_quadrants()), "PNG"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_an_image_in_bands_is_the_image_in_whole(mode, orientation, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (53, 37, 4), dtype=np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels.view(np.uint16)[..., 0].copy())
    else:
        image = Image.fromarray(pixels).convert("RGB" if mode in ("P", "CMYK") else mode)
        image = image.quantize(64) if mode == "P" else image.convert(mode)
    image.info["transparency"] = {"P": bytes(range(64)), "RGB": (1, 2, 3)}.get(mode, 200)
    image.getexif()[0x0112] = orientation
    whole = decode_opened(image)
    monkeypatch.setattr(decoding, "_WHOLE", 100)
    for band in (1, 100, 1900):
        monkeypatch.setattr(decoding, "_BAND", band)
        assert np.array_equal(decode_opened(image), whole), band


def test_a_lower_limit_of_pillow_is_respected_and_kept(monkeypatch, encode):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError) as caught:
        decode_rgb(encode(Image.fromarray(make_quadrants()), "PNG"))
    assert caught.value.status == "too_large"
    assert Image.MAX_IMAGE_PIXELS == 1000
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_an_error_survives_the_way_back_from_a_worker():
    error = ImageError("a.jpg: no such file", status="missing", detail="no such file")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.status, copy.detail) == (str(error), "missing", "no such file")


def jpeg_of(size, **how):
    small = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", **how)
    return file.getvalue()


@pytest.mark.parametrize("size", [(64, 64), (131, 77), (160, 320), (17, 33)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [30, 95])
@pytest.mark.parametrize("progressive", [False, True])
def test_plain_jpegs_have_the_pixels_of_pillow(
    monkeypatch, size, subsampling, quality, progressive
):
    how = {"subsampling": subsampling, "quality": quality, "progressive": progressive}
    data = jpeg_of(size, **how)
    for side in (None, 16, 50, 64):
        plain = decoding.decode_rgb(data, side=side)
        assert plain.flags.writeable
        with monkeypatch.context() as patch:
            patch.setattr(decoding, "decode_jpeg", None)
            np.testing.assert_array_equal(plain, decoding.decode_rgb(data, side=side))


def test_what_is_odd_about_a_jpeg_is_left_to_pillow(monkeypatch):
    seen = []
    plain = decoding.decode_jpeg
    monkeypatch.setattr(decoding, "decode_jpeg", lambda *a, **k: seen.append(a) or plain(*a, **k))
    data = jpeg_of((64, 48))
    assert decoding.decode_rgb(data).shape == (48, 64, 3)
    assert len(seen) == 1
    turned = Image.Exif()
    turned[0x0112] = 6
    assert decoding.decode_rgb(jpeg_of((64, 48), exif=turned)).shape == (64, 48, 3)
    grey = io.BytesIO()
    Image.new("L", (64, 48)).save(grey, "JPEG")
    assert decoding.decode_rgb(grey.getvalue()).shape == (48, 64, 3)
    assert len(seen) == 1
    with pytest.raises(decoding.ImageError, match="damaged"):
        decoding.decode_rgb(data[: len(data) // 2])
    assert len(seen) == 2  # tried, and told in Pillow's words
    monkeypatch.setattr(decoding, "_MOST_BYTES", 10)
    assert decoding.decode_rgb(data).shape == (48, 64, 3)
    assert len(seen) == 2
