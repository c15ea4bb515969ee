"""The loop learns, resumes, and refuses to spoil weights."""

import copy

import pytest
import torch
from torch import nn

from face_forgery.training.loop import BatchTooLargeError, NonFiniteLossError, train_epochs
from face_forgery.training.settings import StepSettings


def run(state, epochs_of_batches, *, epochs, **changes):
    settings = StepSettings(torch.device("cpu"), **changes)
    return list(train_epochs(state, epochs_of_batches, settings, epochs=epochs))


def assert_same_weights(some, others):
    assert some.keys() == others.keys()
    assert all(torch.equal(value, others[name]) for name, value in some.items())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_loop_overfits_one_batch(make_state, make_epochs, precision):
    state, (batch, _) = make_state(step_size=1000), make_epochs().epoch(1)
    state.network.backbone.drop.p = 0.0
    reports = run(state, make_epochs(lambda number: [batch]), epochs=60, precision=precision)
    assert [report.epoch for report in reports] == list(range(1, 61))
    assert reports[-1].train_loss < 0.1 * reports[0].train_loss
    assert reports[-1].train_accuracy == 1.0


def test_weights_stay_float32_under_bfloat16(make_state, make_epochs):
    state, seen = make_state(), []
    state.network.backbone.head.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    run(state, make_epochs(), epochs=1, precision=torch.bfloat16)
    assert set(seen) == {torch.bfloat16}
    assert all(value.dtype == torch.float32 for value in state.network.parameters())


def test_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(make_state, make_epochs):
    whole, first = make_state(), make_state()
    whole_reports = run(whole, make_epochs(), epochs=6)
    first = make_state()
    run(first, make_epochs(), epochs=3)
    checkpoint = first.snapshot([], {})
    second = make_state(learning_rate=9.0)
    torch.manual_seed(99)  # another process has drawn other numbers
    second.restore(checkpoint)
    rest = run(second, make_epochs(), epochs=6)
    assert_same_weights(second.network.state_dict(), whole.network.state_dict())
    assert [report.epoch for report in rest] == [4, 5, 6]
    assert [r.train_loss for r in rest] == [r.train_loss for r in whole_reports[3:]]


def test_snapshots_do_not_change_when_training_goes_on(make_state, make_epochs):
    state = make_state()
    run(state, make_epochs(), epochs=1)
    checkpoint, weights = state.snapshot([], {}), state.weights()
    before = copy.deepcopy((checkpoint.network, checkpoint.optimizer, weights.weights))
    run(state, make_epochs(), epochs=2)
    assert_same_weights(checkpoint.network, before[0])
    assert_same_weights(weights.weights, before[2])
    for index, moments in checkpoint.optimizer["state"].items():
        assert_same_weights(moments, before[1]["state"][index])


def test_evaluating_between_epochs_does_not_leave_the_network_in_eval_mode(make_state, make_epochs):
    state = make_state()
    settings = StepSettings(torch.device("cpu"))
    for _ in train_epochs(state, make_epochs(), settings, epochs=2):
        assert state.network.training
        state.network.eval()


def test_loss_and_accuracy_are_means_over_images_when_batches_differ_in_size(
    make_state, make_epochs
):
    state = make_state()
    sure_of_real, weight = torch.tensor([[2.0, -2.0]]), nn.Parameter(torch.zeros(1))
    state.network.forward = lambda images: sure_of_real.expand(len(images), 2) + 0.0 * weight
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    uneven = [(images, torch.zeros(3, dtype=torch.long)), (images[:1], torch.ones(1).long())]
    (report,) = run(state, make_epochs(lambda number: uneven), epochs=1)
    on_real, on_fake = torch.nn.functional.softplus(torch.tensor([-4.0, 4.0])).tolist()
    assert report.train_loss == pytest.approx((3 * on_real + on_fake) / 4)
    assert report.train_accuracy == 3 / 4


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_the_weights_change(make_state, make_epochs, bad):
    state = make_state()
    run(state, make_epochs(), epochs=1)
    state.network.backbone.head.register_forward_hook(lambda *call: call[2] * bad)
    before = copy.deepcopy(dict(state.network.named_parameters()))
    with pytest.raises(NonFiniteLossError, match=r"loss is nan at epoch 2, step 1; .*float32"):
        run(state, make_epochs(), epochs=2)
    assert_same_weights(dict(state.network.named_parameters()), before)
    assert state.epoch == 1


def test_schedule_moves_once_per_optimizer_step(make_state, make_epochs):
    state = make_state(learning_rate=0.1, step_size=3)
    reports = run(state, make_epochs(), epochs=3)  # 2 steps an epoch; the rate halves every 3
    assert [report.learning_rate for report in reports] == [0.1, 0.05, 0.05]
    assert state.scheduler.get_last_lr() == [0.025]


def test_gradients_are_clipped_to_the_asked_norm(make_state, make_epochs):
    state, norms = make_state(), []
    state.optimizer.register_step_pre_hook(
        lambda *call: norms.append(
            torch.stack([p.grad.norm() for p in state.network.parameters()]).norm().item()
        )
    )
    run(state, make_epochs(), epochs=1)
    assert max(norms) > 0.01
    norms.clear()
    run(state, make_epochs(), epochs=2, grad_clip_norm=0.01)
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "GPU"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "CPU"),
    ],
)
def test_a_batch_that_does_not_fit_is_answered_with_a_size_to_try(
    make_state, make_epochs, error, place
):
    state = make_state()

    def fail(*call):
        raise error

    state.network.backbone.head.register_forward_hook(fail)
    with pytest.raises(BatchTooLargeError, match=rf"batch of 4 .*{place}; .*batch_size=2$"):
        run(state, make_epochs(), epochs=1)


def test_other_errors_pass_unchanged(make_state, make_epochs):
    state = make_state()
    wrong = [(torch.zeros(2, 4, 8, 8, dtype=torch.uint8), torch.zeros(2).long())]
    with pytest.raises(RuntimeError, match="must match the size"):
        run(state, make_epochs(lambda number: wrong), epochs=1)
