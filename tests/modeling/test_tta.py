"""Test-time augmentation: the mean over images of a face that differ."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from face_forgery.modeling.detector import TTA_IMAGES
from face_forgery.modeling.forward_path import measure_margins
from face_forgery.modeling.network import TTANetwork, augment

CPU = torch.device("cpu")
NAMES = TTA_IMAGES["flip_crop"]


@pytest.mark.parametrize("tta", ["flip", "crop", "flip_crop"])
def test_the_margin_is_the_mean_of_the_margins_of_all_images(make_detector, tta):
    """A slow reference: every image made by hand, by other means."""
    images = torch.randint(0, 256, (5, 3, 40, 40), dtype=torch.uint8)
    detector = make_detector(image_size=40, temperature=3.0, tta=tta)
    plain = replace(detector, tta="none").build_network()
    assert not isinstance(plain, TTANetwork)
    by_hand = []
    for is_cropped in [False, True] if "crop" in tta else [False]:
        for is_flipped in [False, True] if "flip" in tta else [False]:
            seen = images.numpy().astype(np.float32).transpose(0, 2, 3, 1)
            if is_cropped:
                seen = np.stack([enlarge(image) for image in seen])
            if is_flipped:
                seen = seen[:, :, ::-1]
            pixels = torch.from_numpy(seen.transpose(0, 3, 1, 2).copy())
            by_hand.append(measure_margins(plain, pixels, CPU))
    assert detector.num_passes == len(by_hand)
    found = measure_margins(detector.build_network(), images, CPU)
    np.testing.assert_allclose(found, np.mean(by_hand, axis=0), atol=1e-3)
    assert np.ptp(by_hand, axis=0).min() > 1e-3  # otherwise an image left out would not show


def enlarge(image):
    """The middle 35 of 40 pixels, on 40."""
    # Pillow looks beyond its box; here there is nothing beyond it but the edge, continued.
    padded = np.pad(image[2:37, 2:37], ((1, 1), (1, 1), (0, 0)), mode="edge")
    channels = [
        Image.fromarray(np.ascontiguousarray(padded[..., c]), mode="F").resize(
            (40, 40), Image.Resampling.BILINEAR, box=(1, 1, 36, 36)
        )
        for c in range(3)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


@pytest.mark.parametrize("side", [32, 33, 160, 2048])
def test_no_two_images_are_alike_whatever_their_size(side):
    image = torch.randint(0, 256, (1, 1, side, side), dtype=torch.uint8)
    seen = [augment(image, name).float() for name in NAMES]
    for number, one in enumerate(seen):
        assert all(not torch.equal(one, other) for other in seen[:number])
    assert torch.equal(augment(image, "whole"), image)
    assert torch.equal(augment(augment(image, "flipped"), "flipped"), image)
