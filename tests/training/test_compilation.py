"""A run is compiled where that pays, and says so where it cannot."""

import shutil

import pytest
import torch
from torch import nn

from face_forgery.training import compilation
from face_forgery.training.compilation import CompilerError, forward_pass, resolve_compile
from face_forgery.training.loop import train_epochs
from face_forgery.training.step_settings import StepSettings

CPU, GPU = torch.device("cpu"), torch.device("cuda")
LONG = compilation._BATCHES_THAT_PAY


@pytest.mark.parametrize(
    ("wanted", "device", "num_batches", "expected"),
    [
        (True, CPU, 1, True),
        (False, GPU, 10 * LONG, False),
        ("auto", GPU, LONG - 1, False),
        ("auto", GPU, LONG, True),
        ("auto", CPU, 10 * LONG, False),
    ],
)
def test_auto_compiles_where_the_run_is_long_enough_to_pay(
    monkeypatch, wanted, device, num_batches, expected
):
    monkeypatch.setattr(compilation, "_missing", lambda device: None)
    assert resolve_compile(wanted, device, num_batches=num_batches) is expected


def test_without_a_compiler_auto_goes_on_and_says_so(monkeypatch, caplog):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with caplog.at_level("INFO"):
        assert resolve_compile("auto", GPU, num_batches=LONG) is False
    assert "no C++ compiler (no-such-compiler)" in caplog.text


def test_without_a_compiler_what_was_asked_for_is_refused(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(CompilerError, match=r"no C\+\+ compiler .*training\.compile=auto"):
        resolve_compile(True, CPU, num_batches=1)


def test_only_whole_batches_go_through_the_compiled_network(monkeypatch):
    network = nn.Identity()
    monkeypatch.setattr(torch, "compile", lambda module, **_: lambda images: -module(images))
    forward = forward_pass(network, is_compiled=True, batch_size=3)
    assert forward(torch.ones(3)).tolist() == [-1, -1, -1]
    assert forward(torch.ones(2)).tolist() == [1, 1]
    assert forward_pass(network, is_compiled=False, batch_size=3) is network


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_compiled_run_learns_alike_and_resumes_bit_for_bit(make_state, make_epochs):
    settings = StepSettings(CPU, is_compiled=True)
    eager, whole, second = make_state(), make_state(), make_state()
    for state in (eager, whole, second):
        state.network.backbone.drop.p = 0.0  # compiled dropout draws other numbers
    (eager_report,) = train_epochs(eager, make_epochs(), StepSettings(CPU), epochs=1)
    for report in train_epochs(whole, make_epochs(), settings, epochs=3):
        if report.epoch == 1:
            assert report.train_loss == pytest.approx(eager_report.train_loss, rel=1e-3)
            saved = whole.snapshot([], {})
    second.restore(saved)
    list(train_epochs(second, make_epochs(), settings, epochs=3))
    for name, value in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value)
