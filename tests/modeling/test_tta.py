"""The mean over views of a picture, and views that differ."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from face_forgery.modeling.forward_path import measure_margins
from face_forgery.modeling.network import ViewedNetwork, show
from face_forgery.params import ScoringParams

CPU = torch.device("cpu")
VIEWS = ("whole", "flipped", "closer", "closer_flipped")
SCORING = {"batch_size": 1, "num_workers": 0, "precision": "float32"}


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 3, 40, 40), dtype=torch.uint8)


def test_the_margin_is_the_mean_of_the_margins_of_all_views(make_detector, images):
    """A slow reference: every view made by hand, by other means."""
    detector = make_detector(image_size=40, temperature=3.0, views=VIEWS)
    plain = replace(detector, views=("whole",)).build_network()
    by_hand = []
    for view in VIEWS:
        seen = images.numpy().astype(np.float32).transpose(0, 2, 3, 1)
        if view.startswith("closer"):
            seen = np.stack([enlarge(picture) for picture in seen])
        if view.endswith("flipped"):
            seen = seen[:, :, ::-1]
        pixels = torch.from_numpy(seen.transpose(0, 3, 1, 2).copy())
        by_hand.append(measure_margins(plain, pixels, CPU))
    found = measure_margins(detector.build_network(), images, CPU)
    np.testing.assert_allclose(found, np.mean(by_hand, axis=0), atol=1e-3)
    assert np.ptp(by_hand, axis=0).min() > 0.01  # otherwise a view left out would not show


def enlarge(picture):
    """The middle 35 of 40 pixels, on 40."""
    # Pillow looks beyond its box; here there is nothing beyond it but the edge, continued.
    cut = picture[2:37, 2:37]
    padded = np.pad(cut, ((1, 1), (1, 1), (0, 0)), mode="edge")
    channels = [
        Image.fromarray(np.ascontiguousarray(padded[..., c]), mode="F").resize(
            (40, 40), Image.Resampling.BILINEAR, box=(1, 1, 36, 36)
        )
        for c in range(3)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


@pytest.mark.parametrize("side", [32, 33, 160, 2048])
def test_no_view_shows_what_another_one_shows(side):
    image = torch.randint(0, 256, (1, 1, side, side), dtype=torch.uint8)
    seen = [show(image, view).float() for view in VIEWS]
    for number, one in enumerate(seen):
        assert all(not torch.equal(one, other) for other in seen[:number])
    assert torch.equal(show(image, "whole"), image)
    assert torch.equal(show(show(image, "flipped"), "flipped"), image)


def test_one_view_is_the_plain_network_and_order_counts_for_nothing(make_detector, images):
    detector = make_detector(image_size=40)
    assert not isinstance(detector.build_network(), ViewedNetwork)
    forth, back = (replace(detector, views=views) for views in (VIEWS, VIEWS[::-1]))
    assert forth.identity() == back.identity() != detector.identity()
    assert forth.num_passes == 4
    np.testing.assert_array_equal(
        *(measure_margins(one.build_network(), images, CPU) for one in (forth, back))
    )


def test_names_may_be_joined_and_none_may_come_twice():
    assert ScoringParams(**SCORING, views="whole+closer").views == ("whole", "closer")
    assert ScoringParams(**SCORING, views=["flipped"]).views == ("flipped",)
    with pytest.raises(ValueError, match=r"names one twice: it would count and cost double"):
        ScoringParams(**SCORING, views="whole+flipped+whole")
    with pytest.raises(ValueError, match="'whole', 'flipped', 'closer'"):
        ScoringParams(**SCORING, views="mirrored")
