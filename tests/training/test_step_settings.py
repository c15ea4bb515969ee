"""Parameters reach the step; batches make whole steps; a run is compiled where that pays."""

import math
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from face_forgery.training import step_settings
from face_forgery.training.loop import train_epochs
from face_forgery.training.losses import Loss
from face_forgery.training.step_settings import (
    CompilerError,
    Mixing,
    StepPlan,
    StepSettings,
    resolve_compile,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")
LONG = step_settings._BATCHES_THAT_PAY


def test_every_parameter_of_the_step_reaches_it(make_params):
    params = make_params(
        **{
            "training.precision": "bfloat16",
            "training.compile": False,
            "training.seed": 4,
            "training.mixup_alpha": 0.1,
            "training.cutmix_alpha": 0.2,
            "training.label_smoothing": 0.3,
            "training.loss.name": "focal",
            "training.accumulate": 5,
            "training.grad_clip_norm": 6.0,
            "training.checkpoint_steps": 7,
        }
    ).training
    assert StepSettings.of(params, CPU, batches_per_epoch=3) == StepSettings(
        device=CPU,
        precision=torch.bfloat16,
        is_compiled=False,
        mixing=Mixing(mixup_alpha=0.1, cutmix_alpha=0.2, seed=4),
        loss=Loss("focal", label_smoothing=0.3),
        accumulate=5,
        grad_clip_norm=6.0,
        checkpoint_steps=7,
    )


def test_the_shipped_step_is_a_plain_one(make_params):
    settings = StepSettings.of(make_params().training, CPU, batches_per_epoch=3)
    assert settings == StepSettings(CPU, grad_clip_norm=1.0)


@pytest.mark.parametrize(
    ("term", "weight", "wanted"),
    [("alignment", 0.0, "auto"), ("alignment", 0.5, False), ("uniformity", 0.5, False)],
)
def test_all_epochs_count_and_with_terms_of_features_nothing_is_compiled(
    make_params, monkeypatch, term, weight, wanted
):
    asked = []

    def resolve(wanted, device, *, num_batches):
        asked.append((wanted, num_batches))

    monkeypatch.setattr(step_settings, "resolve_compile", resolve)
    params = make_params(**{"training.epochs": 4, f"training.loss.{term}": weight})
    StepSettings.of(params.training, CPU, batches_per_epoch=25)
    assert asked == [(wanted, 100)]


@given(
    num_images=st.integers(1, 60),
    batch_size=st.integers(1, 9),
    accumulate=st.integers(1, 6),
    every=st.none() | st.integers(1, 4),
)
def test_batches_cover_the_epoch_in_whole_steps(num_images, batch_size, accumulate, every):
    plan = StepPlan(num_images, batch_size, accumulate, every)
    numbers = range(math.ceil(num_images / batch_size))
    sizes = [min(batch_size, num_images - number * batch_size) for number in numbers]
    starts = [number for number in numbers if plan.begins(number)]
    assert starts == list(range(0, len(numbers), accumulate))
    ends = [number for number in numbers if plan.ends(number)]
    assert ends == [start - 1 for start in starts[1:]] + [len(numbers) - 1]
    for start, end in zip(starts, ends, strict=True):
        of_step = sizes[start : end + 1]
        weights = [plan.weight(number) for number in range(start, end + 1)]
        assert weights == [size / sum(of_step) for size in of_step]
    saves = [number for number in numbers if plan.is_save_due(number)]
    due = [end for step, end in enumerate(ends[:-1], start=1) if every and step % every == 0]
    assert saves == due


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
    monkeypatch.setattr(step_settings, "_missing", lambda device: None)
    assert resolve_compile(wanted, device, num_batches=num_batches) is expected


def test_without_a_compiler_auto_goes_on_and_what_was_asked_for_is_refused(monkeypatch, caplog):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with caplog.at_level("INFO"):
        assert resolve_compile("auto", GPU, num_batches=LONG) is False
    assert "no C++ compiler (no-such-compiler)" in caplog.text
    with pytest.raises(CompilerError, match=r"no C\+\+ compiler .*training\.compile=auto"):
        resolve_compile(True, CPU, num_batches=1)


def test_only_whole_batches_go_through_the_compiled_network(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module, **_: lambda images: -module(images).logits)
    forward = StepSettings(CPU, is_compiled=True).make_forward(nn.Identity(), batch_size=3)
    assert forward(torch.ones(3)).tolist() == [-1, -1, -1]
    assert forward(torch.ones(2)).logits.tolist() == [1, 1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_compiled_run_learns_alike_and_resumes_bit_for_bit(make_state, make_loader):
    settings = StepSettings(CPU, is_compiled=True)
    eager, whole, second = make_state(), make_state(), make_state()
    for state in (eager, whole, second):
        state.network.backbone.drop.p = 0.0  # compiled dropout draws other numbers
    (eager_epoch,) = train_epochs(eager, make_loader(), StepSettings(CPU), epochs=1)
    for epoch in train_epochs(whole, make_loader(), settings, epochs=3):
        if whole.epoch == 1:
            assert epoch.loss_sum == pytest.approx(eager_epoch.loss_sum, rel=1e-3)
            saved = whole.snapshot([], {})
    second.restore(saved)
    list(train_epochs(second, make_loader(), settings, epochs=3))
    for name, value in whole.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value)
