"""Transforms change pixels only, at random only where asked."""

import pytest
import torch

from face_forgery.data.images.resizing import eval_transform
from face_forgery.data.loading.transforms import train_transform


@pytest.fixture
def image():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 40, 60), dtype=torch.uint8, generator=generator)


def draws(transform, image, num=8):
    torch.manual_seed(0)
    return [transform(image) for _ in range(num)]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_an_evaluated_image_is_the_whole_image_at_the_asked_size(image, interpolation):
    resized = eval_transform(32, interpolation)(image)
    assert (resized.shape, resized.dtype) == ((3, 32, 32), torch.uint8)
    assert resized.float().mean().item() == pytest.approx(image.float().mean().item(), abs=2)
    stripes = torch.zeros(3, 64, 64, dtype=torch.uint8)
    stripes[:, :, ::4] = 255
    small = eval_transform(16, interpolation)(stripes)
    assert small.float().mean() == pytest.approx(64, abs=4)  # without antialiasing, it is black


def test_with_nothing_to_augment_training_sees_what_evaluation_sees(make_params, image):
    params = make_params(**{"augmentation.horizontal_flip": 0.0})
    transform = train_transform(params.preprocessing, params.augmentation)
    expected = eval_transform(32, "bilinear")(image)
    before = torch.get_rng_state()
    assert torch.equal(transform(image), expected)
    assert torch.equal(torch.get_rng_state(), before), "a transform that is off still drew"


@pytest.mark.parametrize(
    "knob",
    [
        {"horizontal_flip": 0.5},
        {"vertical_flip": 0.5},
        {"crop_scale": 0.5},
        {"rotation": 10.0},
        {"shift": 0.1},
        {"zoom": 0.1},
        {"color_jitter": 0.3},
        {"jpeg": 0.5, "jpeg_quality": [10, 30]},
        {"blur": 0.5, "blur_sigma": [0.5, 2.0]},
        {"noise": 0.5, "noise_sigma": [5.0, 9.0]},
    ],
    ids=lambda knob: next(iter(knob)),
)
def test_each_augmentation_changes_some_draws_and_keeps_shape_and_type(make_params, image, knob):
    values = {"horizontal_flip": 0.0} | knob
    params = make_params(**{f"augmentation.{name}": value for name, value in values.items()})
    images = draws(train_transform(params.preprocessing, params.augmentation), image)
    assert all(item.shape == (3, 32, 32) and item.dtype == torch.uint8 for item in images)
    assert len({item.numpy().tobytes() for item in images}) > 1


def test_noise_has_the_asked_strength(make_params):
    params = make_params(
        **{
            "augmentation.horizontal_flip": 0.0,
            "augmentation.noise": 1.0,
            "augmentation.noise_sigma": [6.0, 6.0],
            "preprocessing.image_size": 128,
        }
    )
    gray = torch.full((3, 128, 128), 128, dtype=torch.uint8)
    (noisy,) = draws(train_transform(params.preprocessing, params.augmentation), gray, num=1)
    assert noisy.float().std().item() == pytest.approx(6.0, rel=0.02)
    assert noisy.float().mean().item() == pytest.approx(128.0, abs=0.1)


def test_flips_mirror_the_image(make_params, image):
    for knob, axis in (("horizontal_flip", 2), ("vertical_flip", 1)):
        values = {"augmentation.horizontal_flip": 0.0, f"augmentation.{knob}": 1.0}
        params = make_params(**values)
        flipped = train_transform(params.preprocessing, params.augmentation)(image)
        assert torch.equal(flipped, eval_transform(32, "bilinear")(image).flip(axis))


def test_rotation_shift_and_zoom_stay_within_what_is_asked(make_params):
    square = torch.zeros((3, 64, 64), dtype=torch.uint8)
    square[:, 24:40, 24:40] = 255
    seen = {}
    for knob, most in (("shift", 0.125), ("zoom", 0.25), ("rotation", 20.0)):
        values = {"horizontal_flip": 0.0, knob: most}
        changes = {f"augmentation.{name}": value for name, value in values.items()}
        params = make_params(**changes, **{"preprocessing.image_size": 64})
        images = draws(train_transform(params.preprocessing, params.augmentation), square, num=60)
        seen[knob] = torch.stack(images)[:, 0].double() / 255
    centers = seen["shift"].sum(dim=2) @ torch.arange(64.0).double() / 16**2
    assert 5 < (centers - 31.5).abs().max() <= 8 + 1e-9
    sides = seen["zoom"].sum(dim=(1, 2)).sqrt() / 16
    assert 0.74 < sides.min() < 0.8
    assert 1.2 < sides.max() < 1.26
    assert (seen["rotation"].sum(dim=(1, 2)).sqrt() / 16 - 1).abs().max() < 0.02  # turned, no more
    corners = seen["rotation"][:, 24:40, 24:40].amin(dim=(1, 2))
    assert corners.min() == 0.0
