"""Each step does what its name says by its number, keeps the size and repeats itself."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from face_forgery.data.degradation import operations
from face_forgery.data.degradation.operations import list_degradations

ALL = list_degradations()
BY_NAME = {name: list(levels) for name, levels in itertools.groupby(ALL, key=lambda one: one.name)}


@pytest.fixture(scope="module")
def photo():
    """Soft shapes with fine grain, 96 x 120, in color."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :120]
    shapes = [128 + 80 * np.sin(rows / (5 + c)) * np.cos(columns / (9 - c)) for c in range(3)]
    grain = gaussian_filter(rng.normal(0, 40, (96, 120, 3)), (1.2, 1.2, 0))
    return np.clip(np.stack(shapes, axis=-1) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("degradation", ALL, ids=lambda one: one.key)
def test_size_stays_and_the_argument_is_not_touched(degradation, photo):
    for height, width in ((96, 120), (33, 47), (5, 3), (1, 1)):
        pixels = np.ascontiguousarray(photo[:height, :width])
        before = pixels.copy()
        degraded = degradation.apply(pixels)
        assert (degraded.shape, degraded.dtype) == (pixels.shape, np.uint8)
        assert (pixels == before).all()
        assert (degradation.apply(pixels) == degraded).all()


# An upload also moves the image by some pixels, which weighs more than what it loses.
@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"social_media"}))
def test_a_higher_level_is_a_larger_change(name, photo):
    changes = [np.abs(level.apply(photo).astype(float) - photo).mean() for level in BY_NAME[name]]
    assert changes[0] > 0
    assert changes == sorted(changes)
    assert [level.level for level in BY_NAME[name]] == list(range(1, len(changes) + 1))


def test_luck_follows_from_the_image_and_the_degradation():
    gray = np.full((32, 32, 3), 128, np.uint8)
    one, other = (level._replace(strength=20) for level in BY_NAME["noise_sigma"][:2])
    assert (one.apply(gray) != other.apply(gray)).any()
    assert (one.apply(gray[:16]) != one.apply(gray)[:16]).any()


@pytest.mark.parametrize("degradation", ALL, ids=lambda one: one.key)
def test_only_what_is_random_draws(degradation, photo):
    if degradation.is_random:
        one, other = (
            degradation.operation(photo, degradation.strength, np.random.default_rng(seed))
            for seed in (0, 1)
        )
        assert (one != other).any()
    else:
        degraded = degradation.operation(photo, degradation.strength, None)
        assert (degraded == degradation.apply(photo)).all()


def test_families_can_be_chosen_and_unknown_ones_are_named():
    assert {one.family for one in list_degradations(["chains"])} == {"chains"}
    with pytest.raises(ValueError, match=r"unknown families of degradations \['chain'\]"):
        list_degradations(["chain"])


RNG = np.random.default_rng(0)


@pytest.fixture
def noise():
    return np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_no_saturation_is_gray_of_the_same_luma_and_contrast_multiplies(noise):
    gray = operations.color_saturation(noise, 0.0, RNG)
    assert (gray == gray[..., :1]).all()
    expected = np.array(Image.fromarray(noise).convert("L")).astype(int)
    assert np.abs(gray[..., 0].astype(int) - expected).max() <= 1
    assert operations.color_contrast(np.full((1, 1, 3), 200, np.uint8), 0.35, RNG)[0, 0, 0] == 70


def test_blocks_are_gray_and_as_many_as_asked_for():
    dark = np.zeros((160, 160, 3), dtype=np.uint8)
    covered = operations.block_wise(dark, 16, np.random.default_rng(0))
    assert set(np.unique(covered)) == {0, 128}
    share = (covered == 128).mean()
    assert 0.75 * 16 * 64 <= share * 160 * 160 <= 16 * 64  # some overlap
    large = operations.block_wise(np.zeros((512, 600, 3), np.uint8), 16, np.random.default_rng(0))
    assert (large == 128).mean() * 512 * 600 > 16 * 64  # twice as many from 512 pixels on


def test_noise_has_its_variance_in_luma_and_color_differences_or_its_sigma():
    gray = np.full((256, 256, 3), 128, dtype=np.uint8)
    noisy = operations.gaussian_noise_color(gray, 0.001, np.random.default_rng(0)).astype(float)
    red, green, blue = np.moveaxis(noisy, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    sigma = 255 * 0.001**0.5
    assert (luma.std(), ((blue - luma) / 1.772).std(), ((red - luma) / 1.402).std()) == (
        pytest.approx((sigma * 255 / 219, sigma * 255 / 224, sigma * 255 / 224), rel=0.03)
    )
    plain = operations.noise_sigma(gray, 10, np.random.default_rng(0))
    assert plain.std() == pytest.approx(10, rel=0.03)


def test_blur_spreads_a_point_by_sigma():
    point = np.zeros((41, 41, 3), dtype=np.uint8)
    point[20, 20] = 255
    spread = operations.blur_sigma(point, 1.5, RNG)[..., 0].astype(float)
    offsets = np.arange(41) - 20
    assert np.sqrt((spread.sum(0) * offsets**2).sum() / spread.sum()) == pytest.approx(1.5, rel=0.1)
    assert (
        np.flatnonzero(operations.gaussian_blur(point, 7, RNG)[20, :, 0]) == range(17, 24)
    ).all()


def test_pixelation_keeps_no_detail_finer_than_its_factor():
    stripes = np.tile(np.array([0, 255], np.uint8)[:, None], (32, 64, 3)).reshape(64, 64, 3)
    assert operations.pixelation(stripes, 2, RNG).std() < 2


def test_a_jpeg_of_low_quality_is_a_jpeg(noise):
    degraded = operations.jpeg_quality(noise, 30, RNG)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=30, subsampling=2)
    assert (np.array(Image.open(buffer)) == degraded).all()


def test_a_webp_is_what_pillow_reads_of_it(noise):
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "WEBP", quality=60, method=2)
    expected = np.array(Image.open(buffer).convert("RGB"))
    assert (operations.webp_quality(noise, 60, RNG) == expected).all()


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_a_blur_is_that_of_scipy(photo, sigma):
    for pixels in (photo, photo[:5, :3], photo[:1, :1]):
        expected = gaussian_filter(pixels.astype(float), (sigma, sigma, 0), mode="mirror")
        assert np.abs(operations.blur_sigma(pixels, sigma, RNG) - expected).max() <= 0.51


@pytest.mark.parametrize("shape", [(64, 64), (63, 31)])
def test_a_video_frame_comes_back_where_it_was(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    ramp = np.stack([rows * 3, columns * 3, rows + columns], axis=-1).astype(np.uint8)
    degraded = operations.video_compression(ramp, 20, RNG)
    assert 0 < np.abs(degraded.astype(int) - ramp).mean() < 8


def test_each_upload_costs(noise):
    image = operations.blur_sigma(noise, 2.0, RNG)
    changes = [
        np.abs(
            operations.social_media(image, ((1.0, 80),) * number, RNG).astype(int) - image
        ).mean()
        for number in (1, 2, 3)
    ]
    assert changes == sorted(set(changes))


def test_a_capture_without_gamma_and_loss_changes_little():
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (1, 64, 3))
    same = operations.screenshot(ramp, (2.0, 1.0, None), RNG)
    dark = operations.screenshot(ramp, (2.0, 1.2, None), RNG)
    assert np.abs(same.astype(int) - ramp).max() <= 2
    assert dark.mean() < ramp.mean() - 5
