"""Further channels are what slow references say, whatever the network is computed in."""

import numpy as np
import pytest
import torch
from scipy import fft, ndimage

from face_forgery.modeling.inputs import INPUTS, BandAmplitudes, NoiseResiduals, extra_channels

SQUARE_3 = [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]
SQUARE_5 = [
    [-1, 2, -2, 2, -1],
    [2, -6, 8, -6, 2],
    [-2, 8, -12, 8, -2],
    [2, -6, 8, -6, 2],
    [-1, 2, -2, 2, -1],
]
NAMES = [name for name in INPUTS if name != "rgb"]


@pytest.fixture
def pixels(make_picture):
    """A smooth image with noise in one half: residuals on both sides of where they are clipped."""
    smooth = np.asarray(make_picture(height=37, width=37), dtype=np.float32).copy()
    smooth[:, 18:] += np.random.default_rng(0).normal(0, 12, smooth[:, 18:].shape)
    return torch.from_numpy(smooth.clip(0, 255).round()).permute(2, 0, 1)[None]


def test_residuals_are_those_of_the_slow_reference(pixels):
    grey = pixels[0].double().mean(dim=0).numpy()
    expected = [
        np.clip(ndimage.correlate(grey, np.array(kernel, float), mode="nearest") / order, -2, 2)
        for kernel, order in ((SQUARE_3, 4), (SQUARE_5, 12), ([[1, -2, 1]], 2))
    ]
    found = NoiseResiduals()(pixels)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (np.abs(found) == 2).any(axis=(1, 2)).all()  # clipped somewhere
    assert (np.abs(found) < 2).any(axis=(1, 2)).all()


def slow_bands(grey):
    """A window at a time, with scipy's transform."""
    padded = np.pad(grey, 2, mode="edge")
    rows = range(0, padded.shape[0] - 7, 4)
    bands = np.zeros((3, len(rows), len(rows)))
    for i, top in enumerate(rows):
        for j, left in enumerate(rows):
            amplitudes = abs(fft.dctn(padded[top : top + 8, left : left + 8], norm="ortho"))
            for band, (low, high) in enumerate(((1, 4), (5, 9), (10, 14))):
                chosen = [
                    amplitudes[u, v] for u in range(8) for v in range(8) if low <= u + v <= high
                ]
                bands[band, i, j] = np.log1p(np.mean(chosen)) - 2
    return bands


@pytest.mark.parametrize("size", [36, 37])
def test_band_amplitudes_are_those_of_the_slow_reference(pixels, size):
    pixels = pixels[..., :size, :size]
    windows = torch.from_numpy(slow_bands(pixels[0].double().mean(dim=0).numpy()))
    expected = torch.nn.functional.interpolate(windows[None], size=(size, size), mode="bilinear")
    found = BandAmplitudes()(pixels)
    assert found.shape == (1, 3, size, size)
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_traces_are_not_rounded_where_training_is(pixels, name):
    extra = extra_channels(name)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = torch.nn.functional.conv2d(pixels, torch.ones(1, 3, 1, 1))
        found = extra(pixels)
    assert rounded.dtype == torch.bfloat16  # autocast was on
    assert torch.equal(found, extra(pixels))


@pytest.mark.parametrize("name", NAMES)
def test_channels_of_an_image_do_not_depend_on_the_others(name):
    seeded = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (9, 3, 48, 48), generator=seeded).float()
    extra = extra_channels(name)
    alone = torch.cat([extra(image[None]) for image in images])
    torch.testing.assert_close(alone, extra(images), atol=1e-6, rtol=0)
