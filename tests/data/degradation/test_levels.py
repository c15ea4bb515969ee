"""Every degradation keeps the size, repeats itself and grows with its level."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from face_forgery.data.degradation.levels import FAMILIES, apply, list_degradations, make_rng

ALL = list_degradations()
BY_NAME = {name: list(levels) for name, levels in itertools.groupby(ALL, key=lambda one: one.name)}
# The levels of DeeperForensics-1.0.
LABELS = {
    "color_saturation": ["x 0.4", "x 0.3", "x 0.2", "x 0.1", "x 0"],
    "color_contrast": ["x 0.85", "x 0.725", "x 0.6", "x 0.475", "x 0.35"],
    "block_wise": [f"{number} of 8 px" for number in (16, 32, 48, 64, 80)],
    "gaussian_noise_color": [f"variance {v:g}" for v in (0.001, 0.002, 0.005, 0.01, 0.05)],
    "gaussian_blur": [f"kernel {size}" for size in (7, 9, 13, 17, 21)],
    "pixelation": [f"1 / {factor}" for factor in (2, 3, 4, 5, 6)],
    "video_compression": [f"crf {crf}" for crf in (30, 32, 35, 38, 40)],
}


@pytest.fixture(scope="module")
def photo():
    """Soft shapes with fine grain, 96 x 120, in color."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :120]
    shapes = [128 + 80 * np.sin(rows / (5 + c)) * np.cos(columns / (9 - c)) for c in range(3)]
    grain = gaussian_filter(rng.normal(0, 40, (96, 120, 3)), (1.2, 1.2, 0))
    return np.clip(np.stack(shapes, axis=-1) + grain, 0, 255).astype(np.uint8)


def degrade(degradation, pixels):
    return apply(degradation, pixels, make_rng(pixels, degradation))


@pytest.mark.parametrize("degradation", ALL, ids=lambda one: one.key)
@pytest.mark.parametrize("shape", [(96, 120), (33, 47), (5, 3), (1, 1)])
def test_size_stays_and_the_argument_is_not_touched(degradation, shape, photo):
    pixels = np.ascontiguousarray(photo[: shape[0], : shape[1]])
    before = pixels.copy()
    degraded = degrade(degradation, pixels)
    assert degraded.shape == pixels.shape
    assert degraded.dtype == np.uint8
    assert (pixels == before).all()
    assert (degrade(degradation, pixels) == degraded).all()


# An upload also moves the image by some pixels, which weighs more than what it loses.
@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"social_media"}))
def test_a_higher_level_is_a_larger_change(name, photo):
    changes = [
        np.abs(degrade(level, photo).astype(float) - photo).mean() for level in BY_NAME[name]
    ]
    assert changes[0] > 0
    assert changes == sorted(changes)
    assert [level.level for level in BY_NAME[name]] == list(range(1, len(changes) + 1))


def test_the_seven_of_deeper_forensics_stand_at_its_levels():
    found = {
        name: [level.label for level in levels]
        for name, levels in BY_NAME.items()
        if levels[0].family == "deeper_forensics"
    }
    assert found == LABELS


def test_luck_follows_from_the_image_and_the_degradation(photo):
    noise = BY_NAME["noise_sigma"]
    draws = {make_rng(photo, one).integers(1 << 60) for one in noise}
    assert len(draws) == len(noise)
    assert make_rng(photo.copy(), noise[0]).integers(1 << 60) in draws
    assert make_rng(photo[::-1], noise[0]).integers(1 << 60) not in draws


def test_families_can_be_chosen_and_unknown_ones_are_named():
    assert {one.family for one in list_degradations(["chains"])} == {"chains"}
    assert {one.family for one in ALL} == set(FAMILIES)
    with pytest.raises(ValueError, match=r"unknown families of degradations \['chain'\]"):
        list_degradations(["chain"])
