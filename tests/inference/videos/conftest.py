"""Frames of small clips, and a detector that calls forged what is bright."""

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
