"""Ranks of a team; that Ray's workers are one is tested in tests/cluster."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from face_forgery.training.distributed.process_group import ALONE, Part, Team, UnusedWeightsError


def test_nothing_is_asked_of_a_team_of_one():
    network, batches, scores = torch.nn.BatchNorm2d(2), object(), np.zeros(3)
    network.weight.grad, rows = None, torch.zeros(7, 2)
    before = torch.get_rng_state()
    ALONE.check_gradients(network)
    ALONE.draw_apart(0)
    ALONE.align(network)
    assert torch.equal(torch.get_rng_state(), before)
    assert ALONE.share(batches) is batches
    assert ALONE.prepare(network) is ALONE.join_gradients(network) is network
    assert ALONE.join(scores) is scores
    assert ALONE.share_each(batches, num_before=0) is batches
    assert ALONE.join_rows(rows, Part.whole(7)) is rows
    assert (ALONE.is_first, ALONE.part_of(7)) == (True, Part.whole(7))


def test_a_rank_without_a_share_is_shown_an_image_that_does_not_count():
    parts = [Team(rank, 3).part_of(2) for rank in range(3)]
    assert parts == [Part(2, range(1), 0), Part(2, range(1), 1), Part(2, range(1, 2), 1)]
    assert [part.as_slice for part in parts] == [slice(0, 1), slice(0, 1), slice(1, 2)]


def test_weights_that_do_nothing_are_refused_where_ranks_would_wait_for_them():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    network[1].requires_grad_(requires_grad=False)
    network[0](torch.ones(1, 2)).sum().backward()
    Team(0, 2).check_gradients(network)
    network[1].requires_grad_(requires_grad=True)
    with pytest.raises(UnusedWeightsError, match=r"2 weight.* such as '1.weight'"):
        Team(0, 2).check_gradients(network)


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


# The same sums in another order: float32 has 7 digits, some steps lose one of them.
TOLERANCE = 2e-6
CASES = (
    "plain",
    "accumulate, average, clip, smooth",
    "focal, mixed, consistent",
    "bce, mixed",
    "contrastive, accumulate",
    "forgeries, balanced, focal, all terms",
    "forgeries, mixed",
    "low rank, frozen batch normalization",
    "norm",
    "batches of fewer images than ranks",
    "one process, then two",
    "one process, then two, then one",
)


@pytest.mark.slow
def test_two_ranks_train_what_one_process_trains(tmp_path):
    script = Path(__file__).with_name("two_ranks.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    own_averages = report.pop("batch normalization")  # on CPUs: docs/training.md
    assert all(np.isfinite(list(own_averages.values())))
    assert set(report) == set(CASES)
    far = {
        name: distances for name, distances in report.items() if max(distances.values()) > TOLERANCE
    }
    assert not far
