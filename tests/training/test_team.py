"""Ranks of a team; what they exchange is tested with two workers in tests/cluster."""

import numpy as np
import torch

from face_forgery.training.team import ALONE, Team


def test_nothing_is_asked_of_a_team_of_one():
    network, batches, scores = torch.nn.BatchNorm2d(2), object(), np.zeros(3)
    before = torch.get_rng_state()
    ALONE.draw_apart(0)
    ALONE.align(network)
    assert torch.equal(torch.get_rng_state(), before)
    assert ALONE.share(batches) is batches
    assert ALONE.prepare(network) is ALONE.join_gradients(network) is network
    assert ALONE.join(scores) is scores
    assert (ALONE.is_first, ALONE.count_own(7)) == (True, 7)


def test_ranks_draw_apart_and_each_always_the_same():
    def draw(rank, *numbers):
        Team(rank, 2).draw_apart(*numbers)
        return torch.rand(()).item()

    with torch.random.fork_rng():
        drawn = [draw(0, 5, 1), draw(1, 5, 1), draw(0, 5, 2), draw(0, 6, 1)]
        assert len(set(drawn)) == 4
        assert draw(1, 5, 1) == drawn[1]


def test_only_the_first_rank_saves():
    assert [Team(rank, 3).is_first for rank in range(3)] == [True, False, False]
