"""What ranks exchange; that Ray's workers are ranks is tested in test_ray_training."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from face_forgery.training.distributed import process_group
from face_forgery.training.distributed.process_group import UnusedWeightsError

CPU = torch.device("cpu")


def test_without_a_process_group_nothing_is_exchanged():
    network, scores = torch.nn.BatchNorm2d(2), np.zeros(3)
    before = torch.get_rng_state()
    process_group.seed_rank(0)
    process_group.broadcast_buffers(network)
    assert torch.equal(torch.get_rng_state(), before)
    assert (process_group.rank(), process_group.world_size()) == (0, 1)
    assert process_group.synchronize_batch_norm(network) is network
    assert process_group.distribute(network) is network
    assert process_group.gather(scores) is scores
    assert process_group.sum_over_ranks([1.5, 2.0], CPU) == [1.5, 2.0]


def test_weights_that_do_nothing_are_refused_where_ranks_would_wait_for_them():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    network[1].requires_grad_(requires_grad=False)
    network[0](torch.ones(1, 2)).sum().backward()
    process_group.check_gradients(network)
    network[1].requires_grad_(requires_grad=True)
    with pytest.raises(UnusedWeightsError, match=r"2 weight.* such as '1.weight'"):
        process_group.check_gradients(network)


def test_ranks_draw_apart_and_each_always_the_same(monkeypatch):
    monkeypatch.setattr(process_group, "world_size", lambda: 2)

    def draw(rank, *numbers):
        monkeypatch.setattr(process_group, "rank", lambda: rank)
        process_group.seed_rank(*numbers)
        return torch.rand(()).item()

    with torch.random.fork_rng():
        drawn = [draw(0, 5, 1), draw(1, 5, 1), draw(0, 5, 2), draw(0, 6, 1)]
        assert len(set(drawn)) == 4
        assert draw(1, 5, 1) == drawn[1]


# The same sums in another order: float32 has 7 digits, some steps lose one of them.
TOLERANCE = 2e-6
ALWAYS = {
    "model.backbone": "test_vit",  # without batch normalization, whose averages are of one rank
    "augmentation.noise": 0.5,
    "training.batch_size": 4,  # of 12 images: no rank has one left over
    "training.optimizer.name": "sgd",  # Adam blows the noise of zero gradients up to whole steps
    "training.optimizer.learning_rate": 0.02,
}
CASES = {
    "plain": {},
    "accumulate, average, clip, smooth": {
        "training.accumulate": 2,
        "training.ema_decay": 0.9,
        "training.grad_clip_norm": 0.5,
        "training.label_smoothing": 0.1,
    },
    "forgeries, balanced, focal": {
        "augmentation.forgeries.proportion": 0.5,
        "training.sampling": "balanced",
        "training.loss.name": "focal",
    },
    "LoRA, frozen batch normalization": {
        "model.backbone": "test_resnet",
        "model.fine_tuning": "lora",
    },
}
SLICED = [  # act within the slice of a rank, so that no single process does the same
    {"model.backbone": "test_resnet"},  # batch normalization
    {"training.mixup_alpha": 0.5, "training.cutmix_alpha": 0.5},
    {"training.loss.uniformity": 1.0},
]


@pytest.mark.slow
def test_two_ranks_train_what_one_process_trains(make_run, tmp_path):
    runs = {
        "cases": {name: make_run(**ALWAYS | changes) for name, changes in CASES.items()},
        "sliced": [make_run(**ALWAYS | changes) for changes in SLICED],
        "begun": make_run(**ALWAYS, **{"training.checkpoint_steps": 2}),
    }
    (tmp_path / "runs.pickle").write_bytes(pickle.dumps(runs))
    script = Path(__file__).parents[1] / "two_ranks.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(tmp_path / "runs.pickle")],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report.pop("finite")
    assert len(report) == 6
    far = {name: found for name, found in report.items() if max(found.values()) > TOLERANCE}
    assert not far
