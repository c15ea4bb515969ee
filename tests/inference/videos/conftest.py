"""Small clips made with PyAV, and a detector that calls forged what is bright."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from torch import nn

from face_forgery.modeling.detector import Detector
from face_forgery.params import FacesParams, VideoParams


class BrightIsForged(nn.Module):
    """Looks at the blue channel, so that faces can be red."""

    def __init__(self, pivot):
        super().__init__()
        self.pivot = pivot
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, images):
        blue = images[:, 2].float().mean(dim=(1, 2))
        return torch.stack([torch.zeros_like(blue), (blue - self.pivot) / 25.0], dim=1)


@pytest.fixture
def bright_is_forged(make_detector, monkeypatch):
    """Return a builder of such detectors; ``finds_faces``: needs ``find_red_faces``."""

    def make(*, finds_faces=False, pivot=128.0):
        monkeypatch.setattr(Detector, "build_network", lambda detector: BrightIsForged(pivot))
        if not finds_faces:
            return make_detector()
        faces = FacesParams(
            detector=None, min_confidence=0.7, margin=0.0, min_size=16, max_blur=1.0
        )
        return make_detector(faces=faces, face_model=b"any")

    return make


@pytest.fixture
def make_video_params():
    """Return a builder of parameters; those not given are like the shipped ones."""

    def make(**changes):
        values = {
            "videos": "any",
            "frames_per_second": 2.0,
            "max_frames": 600,
            "window_seconds": 4.0,
        }
        return VideoParams(**(values | changes))

    return make


@pytest.fixture
def make_flat():
    """Return a builder of grey images, ``(H, W, 3)``, with a little noise around a level."""

    def make(level, *, size=(96, 64)):
        noise = np.random.default_rng(0).integers(-12, 13, (size[1], size[0], 1))
        return np.clip(level + noise.repeat(3, axis=2), 0, 255).astype(np.uint8)

    return make


@pytest.fixture
def make_noise():
    """Return a builder of lists of images that do not compress."""

    def make(num_images):
        rng = np.random.default_rng(0)
        return [rng.integers(0, 256, (64, 96, 3)).astype(np.uint8) for _ in range(num_images)]

    return make


@pytest.fixture
def write_clip(tmp_path):
    """Return a function that encodes images, given with their times, as a clip."""

    def write(
        name,
        images,
        *,
        rate=10,
        times=None,
        codec="mpeg4",
        pix_fmt="yuv420p",
        options=None,
        rotation=None,
        aspect=None,
        container_options=None,
    ):
        path = tmp_path / name
        images = list(images)
        path.parent.mkdir(exist_ok=True)
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            stream.pix_fmt = pix_fmt
            stream.height, stream.width = images[0].shape[:2]
            stream.bit_rate = 4_000_000
            stream.codec_context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
            if aspect is not None:
                stream.sample_aspect_ratio = Fraction(*aspect)
            if rotation is not None:
                stream.set_display_rotation(rotation)
            for index, pixels in enumerate(images):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.time_base = stream.codec_context.time_base
                frame.pts = round(1000 * times[index]) if times else index
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
