"""MixUp and CutMix: what is mixed, with what, and from which draws."""

import pytest
import torch

from face_forgery.training.step_settings import Mixing


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return images, torch.tensor([0, 1, 1, 0, 1, 0])


def test_without_mixing_the_batch_is_itself_and_a_target_is_one_and_zero(batch):
    images, soft_targets = Mixing()(*batch, epoch=1, number=0)
    assert images is batch[0]
    assert soft_targets.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [1, 0]]


def test_mixup_averages_each_image_with_the_one_before_as_the_targets_say(batch):
    images, soft_targets = Mixing(mixup_alpha=1.0)(*batch, epoch=1, number=0)
    own = soft_targets[1, 1].item()  # the forgery after a real image
    assert 0.01 < own < 0.99
    before = batch[0].float().roll(1, 0)
    torch.testing.assert_close(images, own * batch[0].float() + (1 - own) * before)
    assert soft_targets[0].tolist() == pytest.approx([1, 0])  # a real image after another one
    assert torch.allclose(soft_targets.sum(dim=1), torch.ones(6))


def test_cutmix_takes_a_rectangle_as_large_as_the_targets_say(batch):
    mixing = Mixing(cutmix_alpha=1.0)
    for number in range(10):
        images, soft_targets = mixing(*batch, epoch=1, number=number)
        assert images.dtype == torch.uint8
        taken = (images != batch[0]).any(dim=1)
        assert torch.equal(images[:, :, taken.any(0)], batch[0].roll(1, 0)[:, :, taken.any(0)])
        assert soft_targets[1, 0].item() == pytest.approx(
            taken.any(0).float().mean().item(), abs=0.01
        )


def test_the_draw_follows_from_seed_epoch_and_number_alone(batch):
    mixing = Mixing(mixup_alpha=0.8, cutmix_alpha=0.8, seed=5)

    def soft_targets(mixing, epoch, number):
        return mixing(*batch, epoch=epoch, number=number)[1]

    first = soft_targets(mixing, 2, 3)
    torch.manual_seed(123)
    before = torch.get_rng_state()
    assert torch.equal(soft_targets(mixing, 2, 3), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(soft_targets(mixing, 2, 4), first)
    assert not torch.equal(soft_targets(mixing, 3, 3), first)
    assert not torch.equal(soft_targets(Mixing(0.8, 0.8, seed=6), 2, 3), first)


def test_with_both_a_batch_gets_one_of_the_two(batch):
    mixing = Mixing(mixup_alpha=1.0, cutmix_alpha=1.0)
    kinds = []
    for number in range(40):
        images, _ = mixing(*batch, epoch=1, number=number)
        assert images.dtype == torch.float32
        kinds.append("cut" if torch.equal(images, images.round()) else "mixed")
    assert {kinds.count("cut") > 10, kinds.count("mixed") > 10} == {True}
