"""The one forward path."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from face_forgery.modeling.forward_path import (
    _warn_of_cpu,
    pick_device,
    resolve_precision,
    score_batches,
    score_images,
)

CPU = torch.device("cpu")


class Redness(nn.Module):
    """Logits that grow with the red channel; in train mode it answers nonsense."""

    def forward(self, images):
        red = images[:, 0].float().mean(dim=(1, 2))
        return torch.stack([torch.zeros_like(red), red / 50 - self.training * 99], dim=1)


@pytest.fixture
def images():
    return torch.randint(0, 256, (7, 3, 8, 8), dtype=torch.uint8)


def test_a_score_is_the_softmax_of_the_second_logit(images):
    logits = Redness().eval()(images).double()
    expected = torch.exp(logits[:, 1]) / torch.exp(logits).sum(dim=1)
    scores = score_images(Redness(), images, CPU)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected.numpy(), atol=1e-6)


def test_far_margins_stay_apart():
    margins = torch.tensor([[0.0, 20.0], [0.0, 25.0], [0.0, 30.0]])
    scores = score_images(nn.Flatten(), margins, CPU)
    assert scores[0] < scores[1] < scores[2] < 1.0  # in float32 all three are 1


@pytest.mark.parametrize("training", [True, False])
def test_scoring_happens_in_eval_mode_and_leaves_the_mode_as_it_was(images, training):
    network = Redness().train(training)
    assert score_images(network, images, CPU).max() > 0.5
    assert network.training is training
    with pytest.raises(IndexError):
        score_images(network, torch.zeros(2), CPU)
    assert network.training is training


def test_batches_are_scored_in_order_whatever_their_size(images):
    whole = score_images(Redness(), images, CPU)
    parts = [(images[:3], None), (images[3:], None)]
    np.testing.assert_array_equal(score_batches(Redness(), parts, CPU), whole)
    assert score_batches(Redness(), [], CPU).shape == (0,)


def test_without_a_gpu_one_warning_says_what_it_costs(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    _warn_of_cpu.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert pick_device() == pick_device() == CPU
    assert caplog.text.count("20 to 50 times slower") == 1


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, torch.float32),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, torch.bfloat16),
        ({"architecture": "aarch64"}, torch.float32),
    ],
)
def test_auto_is_bfloat16_only_on_processors_that_gain_from_it(monkeypatch, cpu, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: cpu)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("float32", CPU) == torch.float32
    assert resolve_precision("bfloat16", CPU) == torch.bfloat16


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16)]
)
def test_auto_is_bfloat16_on_gpus_from_ampere_on(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", torch.device("cuda")) == expected
