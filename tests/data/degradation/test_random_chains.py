"""Chains of degradations: one dial, no label, the same for everybody."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms.v2 import functional as F

from face_forgery.data.degradation.random_chains import (
    DEGRADATION_KINDS,
    MOST_COVERED,
    RandomDegradations,
    degrade,
)
from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.rng import seeded_torch
from face_forgery.data.loading.transforms import train_transform


@pytest.fixture
def image(make_picture):
    """A smooth image with a little grain, of all colors alike."""
    rng = np.random.default_rng(0)
    pixels = np.array(make_picture(3, height=48, width=56), dtype=int)
    noisy = np.clip(pixels + rng.integers(-4, 5, (48, 56, 1)), 0, 255).astype(np.uint8)
    return torch.from_numpy(noisy).permute(2, 0, 1)


def change(image, other):
    return (image.float() - other.float()).abs().mean().item()


def mean_change(image, step, numbers=range(40)):
    changes = []
    for number in numbers:
        with seeded_torch(number):
            changes.append(change(image, step(image)))
    return float(np.mean(changes))


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_a_registered_operation_is_a_step_of_the_chains(image, strength):
    expected = F.jpeg(image, round(95 - 70 * strength))
    assert torch.equal(degrade(image, "jpeg_quality", strength), expected)


def test_the_dial_at_zero_changes_nothing_and_draws_nothing(image):
    before = torch.get_rng_state()
    assert RandomDegradations(0.0)(image) is image
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", DEGRADATION_KINDS)
def test_every_kind_changes_more_the_stronger_it_is_and_leaves_its_argument_alone(image, kind):
    given = image.clone()
    with seeded_torch(0):
        degraded = degrade(image, kind, 0.7)
    assert (degraded.shape, degraded.dtype) == (image.shape, torch.uint8)
    assert torch.equal(image, given)
    assert change(image, degraded) > 0.5
    changes = [
        mean_change(image, lambda pixels, s=strength: degrade(pixels, kind, s), range(24))
        for strength in (0.0, 0.25, 0.5, 1.0)
    ]
    assert changes == sorted(set(changes))
    assert changes[0] < 0.6 * changes[2]


def test_a_higher_dial_changes_more_and_draws_the_same(image):
    changes = [mean_change(image, RandomDegradations(dial)) for dial in (0.0, 0.25, 0.5, 1.0)]
    assert changes[0] == 0.0
    assert changes == sorted(set(changes))
    states = []
    for dial in (0.3, 1.0):
        with seeded_torch(5):
            RandomDegradations(dial)(image)
            states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_all_kinds_occur_and_chains_have_up_to_four_steps(image, monkeypatch):
    seen, lengths = set(), set()
    steps = []

    def note(pixels, kind, strength):
        steps.append(kind)
        assert 0.0 <= strength <= 0.8
        return pixels

    monkeypatch.setattr("face_forgery.data.degradation.random_chains.degrade", note)
    for number in range(120):
        steps.clear()
        with seeded_torch(number):
            RandomDegradations(0.8)(image)
        seen.update(steps)
        lengths.add(len(steps))
    assert seen == set(DEGRADATION_KINDS)
    assert lengths == {0, 1, 2, 3, 4}


def test_occlusion_covers_no_more_than_it_says():
    gray = torch.full((3, 100, 100), 128, dtype=torch.uint8)
    for number in range(20):
        with seeded_torch(number):
            covered = (degrade(gray, "occlusion", 1.0) != 128).any(dim=0).float().mean().item()
        assert 0.2 * MOST_COVERED < covered <= 1.1 * MOST_COVERED


def test_a_degradation_is_a_step_of_the_training_transform(make_params, image):
    params = make_params(**{"augmentation.degradation": 0.5, "augmentation.jpeg": 0.5})
    transform = train_transform(params.preprocessing, params.augmentation)
    assert isinstance(transform, nn.Module)
    names = [type(step).__name__ for step in transform.transforms]
    assert names.index("RandomDegradations") < names.index("RandomApply")
    with seeded_torch(2):
        degraded = transform(image)
    assert (degraded.shape, degraded.dtype) == ((3, 32, 32), torch.uint8)


def test_both_classes_are_degraded_alike(make_faces, make_params, tmp_path):
    manifest, params = make_faces(6), make_params(**{"augmentation.degradation": 0.8})
    where, how = str(tmp_path / "faces"), {"augmentation": params.augmentation}
    dataset, swapped = (
        ImageDataset.of(manifest.assign(target=targets), where, params.preprocessing, **how)
        for targets in (manifest["target"], 1 - manifest["target"])
    )
    for index in range(len(manifest)):
        (image, target), (same, other) = dataset[1, index], swapped[1, index]
        assert torch.equal(image, same)
        assert target == 1 - other
