"""The camera and the file."""

import io

import numpy as np
import pytest
from PIL import Image

from face_forgery.forgery.rendering.camera import Camera, encode_jpeg, expose, sensor_noise
from face_forgery.forgery.rendering.fields import stream


def test_gains_are_channels_and_light_never_wraps_around():
    image = np.full((3, 16, 12), 0.8, dtype=np.float32)
    pixels = expose(image, Camera((1.0, 2.0, 0.5), 1.0, 0.0, 0.0, 0.0, 90), stream(0))
    assert pixels.shape == (16, 12, 3)
    assert np.unique(pixels.reshape(-1, 3), axis=0).tolist() == [[204, 255, 102]]


def test_sensor_noise_is_standard_and_symmetric():
    noise = sensor_noise(stream(1), (3, 200, 200))
    assert noise.mean() == pytest.approx(0.0, abs=0.01)
    assert noise.std() == pytest.approx(1.0, abs=0.01)
    assert (noise > 0).mean() == pytest.approx(0.5, abs=0.01)


def test_a_file_is_a_jpeg_without_metadata():
    pixels = (stream(2).random((40, 30, 3)) * 255).astype(np.uint8)
    image = Image.open(io.BytesIO(encode_jpeg(pixels, 85)))
    assert (image.format, image.size, image.mode) == ("JPEG", (30, 40), "RGB")
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_sharpening_camera_steepens_edges():
    image = np.full((3, 160, 160), 0.4, dtype=np.float32)
    image[:, :, 80:] = 0.6
    plain, sharp = (
        expose(image, Camera((1.0, 1.0, 1.0), 1.0, 0.01, amount, 0.0, 90), stream(0)).astype(int)
        for amount in (0.0, 1.0)
    )
    assert np.abs(np.diff(sharp, axis=1)).max() > 1.2 * np.abs(np.diff(plain, axis=1)).max()
