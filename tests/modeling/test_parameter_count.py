"""Weights are counted once each, buffers never, and one too many is refused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.factory import build_network
from face_forgery.modeling.parameter_count import (
    BudgetError,
    check_budget,
    count_parameters,
    count_parameters_of,
)
from face_forgery.params import ModelParams

MODEL = {
    "backbone": "test_resnet",
    "pretrained": False,
    "weights": None,
    "options": {},
    "input": "rgb",
    "cut_after": None,
    "fine_tuning": "lora",
    "lora": {},
}


def test_shared_weights_count_once_and_buffers_do_not():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    assert count_parameters(nn.Sequential(first, second, nn.BatchNorm1d(3))) == 9 + 3 + 3 + 6


def test_a_network_at_the_limit_is_built_and_one_above_it_is_not():
    count = count_parameters(build_network(ModelParams(**MODEL, max_parameters=None), 32))
    build_network(ModelParams(**MODEL, max_parameters=count), 32)
    with pytest.raises(BudgetError, match=rf"test_resnet has {count:,} parameters, 1 more than"):
        build_network(ModelParams(**MODEL, max_parameters=count - 1), 32)


def test_members_count_together_but_a_backbone_they_share_once(make_detector):
    one = make_detector()
    head = {name for name in one.weights if name.startswith("fc")}
    other = {name: value + (name in head) for name, value in one.weights.items()}
    stranger = make_detector("test_vit")
    how = {"data_fingerprint": "f" * 64, "code_version": {}, "other_data": "refuse"}
    counts = [count_parameters_of(member) for member in (one, stranger)]
    apart = join_detectors({"a": one, "b": stranger}, **how)
    assert count_parameters_of(apart) == sum(counts)
    shared = join_detectors({"a": one, "b": replace(one, weights=other)}, **how)
    size_of_head = sum(one.weights[name].numel() for name in head)
    assert count_parameters_of(shared) == counts[0] + size_of_head
    with torch.inference_mode():
        logits = shared.build_network()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    assert torch.isfinite(logits).all()


def test_without_a_limit_everything_passes():
    check_budget(10**12, None, what="a giant")
