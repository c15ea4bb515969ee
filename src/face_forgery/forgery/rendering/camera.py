"""The camera and the file: what every image passes through, real or forged."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_forgery.forgery.rendering.fields import Plane, blur, vary

_NOISE_SCALE = 1.0 / 147.8  # the standard deviation of a sum of four bytes
_DEMOSAICING = 1.5  # pixels: no camera shows detail of a single pixel
_SHARPENING_RADIUS = 0.0125  # in parts of the image's height


@dataclass(frozen=True)
class Camera:
    """Settings of one shot."""

    gains: tuple[float, float, float]  # white balance and exposure
    contrast: float  # 1 leaves the image as it is
    blur: float  # tent half width in parts of the image's size
    sharpening: float  # 0 leaves edges as the lens shows them
    noise: float  # standard deviation at mid gray, of 255
    quality: int  # JPEG


def sample_camera(rng: np.random.Generator) -> Camera:
    """Draw the settings of a camera."""
    exposure, warmth = vary(rng, 1.0, 0.16), vary(rng, 0.0, 0.07)
    return Camera(
        gains=(exposure * (1.0 + warmth), exposure, exposure * (1.0 - warmth)),
        contrast=vary(rng, 1.0, 0.16),
        blur=0.0066 + 0.006 * rng.random(),
        sharpening=0.5 * rng.random(),
        noise=1.5 + 3.5 * rng.random(),
        quality=int(rng.integers(84, 95)),
    )


def expose(image: Plane, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the pixels, ``(H, W, 3)`` RGB, of a scene, ``(3, H, W)`` in [0, 1], with noise."""
    height = image.shape[1]
    gains = np.array(camera.gains, dtype=np.float32).reshape(3, 1, 1) * np.float32(255.0)
    pixels = blur(image, max(_DEMOSAICING, camera.blur * height))
    if camera.sharpening:
        halo = pixels - blur(pixels, max(1.0, _SHARPENING_RADIUS * height))
        pixels = pixels + halo * np.float32(camera.sharpening)
    pixels = (pixels * gains - 118.0) * np.float32(camera.contrast) + 118.0
    pixels += sensor_noise(rng, image.shape) * np.float32(camera.noise)
    rounded = np.clip(pixels + 0.5, 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(rounded.transpose(1, 2, 0))


def sensor_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Plane:
    """Return nearly normal noise of mean 0 and deviation 1: sums of four random bytes."""
    size = int(np.prod(shape))
    draws = np.frombuffer(rng.bytes(4 * size), dtype=np.uint8).reshape(4, size).astype(np.int16)
    total = (draws[0] + draws[1]) + (draws[2] + draws[3])
    noise: Plane = (total.astype(np.float32) - 510.0) * np.float32(_NOISE_SCALE)
    return noise.reshape(shape)


def encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Return a baseline JPEG without metadata; ``quality`` is 1 to 95, as libjpeg counts."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(
        buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=True
    )
    return buffer.getvalue()
