"""Degraded copies lose detail and nothing else."""

import pytest
import torch

from face_forgery.training.copies import PictureDraws, copies_of, soften_and_add_noise
from face_forgery.training.distributed.process_group import Part, Team

SEEDED = torch.Generator().manual_seed(0)
SHARP = torch.randint(0, 256, (6, 3, 48, 48), generator=SEEDED, dtype=torch.uint8)


def draws(seed=0):
    return PictureDraws(seed, Part.whole(6), torch.device("cpu"))


def test_copies_are_pictures_of_the_same_size_and_the_originals_stay():
    before = SHARP.clone()
    copies = soften_and_add_noise(SHARP, draws())
    assert copies.dtype == torch.uint8
    assert copies.shape == SHARP.shape
    assert torch.equal(SHARP, before)
    assert not torch.equal(copies, SHARP)


def test_all_draws_follow_from_the_seed():
    torch.manual_seed(1)
    first = soften_and_add_noise(SHARP, draws())
    torch.manual_seed(2)
    assert torch.equal(soften_and_add_noise(SHARP, draws()), first)
    assert not torch.equal(soften_and_add_noise(SHARP, draws(1)), first)
    before = torch.get_rng_state()
    copies_of(SHARP, soften_and_add_noise, seed=0, epoch=1, number=2, part=Part.whole(6))
    assert torch.equal(torch.get_rng_state(), before)


def test_detail_is_lost_and_the_rest_is_not():
    coarse = torch.randint(
        40, 216, (6, 3, 4, 4), generator=torch.Generator().manual_seed(0)
    ).float()
    smooth = torch.nn.functional.interpolate(coarse, size=(48, 48), mode="bilinear")
    smooth = smooth.round().to(torch.uint8)
    for seed in range(5):
        moved = soften_and_add_noise(smooth, draws(seed)).float() - smooth.float()
        assert moved.mean().abs() < 0.5
        assert moved.abs().mean() < 12
        softened = soften_and_add_noise(SHARP, draws(seed)).float()
        assert softened.std() < SHARP.float().std()


def test_pictures_of_a_batch_get_noise_of_their_own_strength():
    grey = torch.full((6, 3, 48, 48), 128, dtype=torch.uint8)
    spreads = soften_and_add_noise(grey, draws()).float().std(dim=(1, 2, 3))
    assert spreads.max() < 11
    assert len({round(value, 1) for value in spreads.tolist()}) > 3


@pytest.mark.parametrize("num_ranks", [2, 3, 8])
def test_a_copy_does_not_depend_on_who_makes_it(num_ranks):
    place = {"seed": 0, "epoch": 1, "number": 2}
    whole = copies_of(SHARP, soften_and_add_noise, **place, part=Part.whole(6))
    for rank in range(num_ranks):
        part = Team(rank, num_ranks).part_of(6)
        own = copies_of(SHARP[part.as_slice], soften_and_add_noise, **place, part=part)
        assert torch.equal(own, whole[part.as_slice])
