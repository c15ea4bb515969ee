"""Optimizers and schedules do what the parameters say."""

import math

import pytest
import timm
import torch

from face_forgery.modeling.network import DetectorNetwork
from face_forgery.training.optimizer import build_optimizer, build_scheduler


@pytest.fixture
def network():
    backbone = timm.create_model("test_vit", num_classes=2, img_size=32)
    return DetectorNetwork(backbone, (0.5,) * 3, (0.5,) * 3)


def rates(network, params, batches_per_epoch):
    """The learning rate of every step of the whole training."""
    optimizer = build_optimizer(network, params.optimizer)
    scheduler = build_scheduler(optimizer, params, batches_per_epoch)
    used = []
    for _ in range(params.epochs * batches_per_epoch // params.accumulate):
        used.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return used, scheduler.get_last_lr()[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)],
)
def test_the_optimizer_has_its_name_rate_and_every_weight(network, make_params, name, kind):
    params = make_params(**{"training.optimizer.name": name}).training
    optimizer = build_optimizer(network, params.optimizer)
    assert type(optimizer) is kind
    held = [id(weight) for group in optimizer.param_groups for weight in group["params"]]
    assert sorted(held) == sorted(id(weight) for weight in network.parameters())
    assert {group["lr"] for group in optimizer.param_groups} == {1e-3}


def of_weights(network, optimizer, key):
    """Return an option of the optimizer by the name of the weight that it is for."""
    names = {id(weight): name for name, weight in network.backbone.named_parameters()}
    groups = optimizer.param_groups
    return {names[id(weight)]: group[key] for group in groups for weight in group["params"]}


def test_weight_decay_leaves_out_norms_biases_and_position_embeddings(network, make_params):
    for layer_decay in (None, 0.5):
        params = make_params(**{"training.optimizer.layer_decay": layer_decay}).training
        optimizer = build_optimizer(network, params.optimizer)
        decay = of_weights(network, optimizer, "weight_decay")
        assert set(decay.values()) == {0.0, 0.05}
        decayed = {name for name, value in decay.items() if value}
        assert "blocks.0.attn.qkv.weight" in decayed
        assert not {name for name in decayed if name.endswith("bias") or "norm" in name}
        assert "pos_embed" not in decayed


def test_warm_up_climbs_linearly_and_the_cosine_falls_to_zero(network, make_params):
    params = make_params(**{"training.epochs": 5, "training.warmup_epochs": 2}).training
    used, after = rates(network, params, batches_per_epoch=4)
    assert used[:8] == pytest.approx([1e-3 * (1 + 7 * k / 8) / 8 for k in range(8)])
    cosine = [1e-3 * (1 + math.cos(math.pi * k / 12)) / 2 for k in range(12)]
    assert used[8:] == pytest.approx(cosine)
    assert after == pytest.approx(0.0, abs=1e-12)


def test_the_step_schedule_drops_after_its_epochs_not_before(network, make_params):
    schedule = {"name": "step", "step_epochs": 4, "gamma": 0.85}
    changes = {"training.epochs": 9, "training.warmup_epochs": 0, "training.schedule": schedule}
    params = make_params(**changes).training
    used, _ = rates(network, params, batches_per_epoch=3)
    of_epochs = [used[3 * epoch : 3 * epoch + 3] for epoch in range(9)]
    assert all(len(set(epoch)) == 1 for epoch in of_epochs)
    expected = [1e-3] * 4 + [1e-3 * 0.85] * 4 + [1e-3 * 0.85**2]
    assert [epoch[0] for epoch in of_epochs] == pytest.approx(expected)


def test_the_constant_schedule_stays_after_warm_up(network, make_params):
    schedule = {"name": "constant", "step_epochs": None, "gamma": None}
    params = make_params(**{"training.epochs": 3, "training.schedule": schedule}).training
    used, _ = rates(network, params, batches_per_epoch=4)
    assert used[4:] == pytest.approx([1e-3] * 8)
    assert used[0] < 1e-3


def test_with_layer_decay_each_layer_moves_slower_than_the_one_above(network, make_params):
    params = make_params(**{"training.optimizer.layer_decay": 0.5}).training
    rate = of_weights(network, build_optimizer(network, params.optimizer), "lr")
    assert rate.keys() == {name for name, _ in network.backbone.named_parameters()}
    num_blocks = len(network.backbone.blocks)
    blocks = [rate[f"blocks.{number}.attn.qkv.weight"] for number in range(num_blocks)]
    assert rate["head.weight"] == 1e-3
    assert rate["norm.weight"] == 1e-3 * 0.5
    assert blocks == pytest.approx([1e-3 * 0.5 ** (num_blocks - k) for k in range(num_blocks)])
    assert rate["patch_embed.proj.weight"] == pytest.approx(blocks[0] * 0.5)


def test_the_schedule_counts_steps_not_batches(network, make_params):
    changes = {"training.epochs": 3, "training.warmup_epochs": 0}
    of_steps, _ = rates(network, make_params(**changes).training, batches_per_epoch=4)
    accumulating = make_params(**changes | {"training.accumulate": 2}).training
    of_batches, after = rates(network, accumulating, batches_per_epoch=8)
    assert of_batches == pytest.approx(of_steps)
    assert after == pytest.approx(0.0, abs=1e-12)
    of_seven, _ = rates(network, accumulating, batches_per_epoch=7)  # the last step is half one
    assert of_seven[:4] == pytest.approx(of_steps[:4])
