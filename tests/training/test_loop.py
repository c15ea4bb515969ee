"""The loop learns, resumes, and refuses to spoil weights."""

import copy
from types import SimpleNamespace

import pytest
import torch
from timm.utils import ModelEmaV3
from torch import nn

from face_forgery.training.loop import BatchTooLargeError, NonFiniteLossError, train_epochs
from face_forgery.training.losses import Loss
from face_forgery.training.step_settings import Mixing, StepSettings


def run(state, loader, *, epochs, **changes):
    """Return the row of the history of each epoch, and ``None`` where a save is due within one."""
    settings = StepSettings(torch.device("cpu"), **changes)
    return collect(state, train_epochs(state, loader, settings, epochs=epochs))


def collect(state, epochs):
    return [
        finished and SimpleNamespace(**finished.row(state.epoch, state.learning_rate))
        for finished in epochs
    ]


def assert_same_weights(some, others):
    assert some.keys() == others.keys()
    assert all(torch.equal(value, others[name]) for name, value in some.items())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_loop_overfits_one_batch(make_state, make_loader, batches_of, precision):
    state, (batch, _) = make_state(step_size=1000), batches_of(1)
    state.network.backbone.drop.p = 0.0
    reports = run(state, make_loader(lambda number: [batch]), epochs=60, precision=precision)
    assert [report.epoch for report in reports] == list(range(1, 61))
    assert reports[-1].train_loss < 0.1 * reports[0].train_loss
    assert reports[-1].train_accuracy == 1.0


def test_weights_stay_float32_under_bfloat16(make_state, make_loader):
    state, seen = make_state(), []
    state.network.backbone.head.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    run(state, make_loader(), epochs=1, precision=torch.bfloat16)
    assert set(seen) == {torch.bfloat16}
    assert all(value.dtype == torch.float32 for value in state.network.parameters())


def test_snapshots_do_not_change_when_training_goes_on(make_state, make_loader):
    state = make_state()
    run(state, make_loader(), epochs=1)
    checkpoint = state.snapshot([], {})
    weights = checkpoint.weights()
    before = copy.deepcopy((checkpoint.network, checkpoint.optimizer, weights.weights))
    run(state, make_loader(), epochs=2)
    assert_same_weights(checkpoint.network, before[0])
    assert_same_weights(weights.weights, before[2])
    for index, moments in checkpoint.optimizer["state"].items():
        assert_same_weights(moments, before[1]["state"][index])


def test_evaluating_between_epochs_does_not_leave_the_network_in_eval_mode(make_state, make_loader):
    state = make_state()
    settings = StepSettings(torch.device("cpu"))
    for _ in train_epochs(state, make_loader(), settings, epochs=2):
        assert state.network.training
        state.network.eval()


def test_loss_and_accuracy_are_means_over_images_when_batches_differ_in_size(
    make_state, make_loader
):
    state = make_state()
    sure_of_real, weight = torch.tensor([[2.0, -2.0]]), nn.Parameter(torch.zeros(1))
    state.network.forward = lambda images: sure_of_real.expand(len(images), 2) + 0.0 * weight
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    uneven = [(images, torch.zeros(3, dtype=torch.long)), (images[:1], torch.ones(1).long())]
    (report,) = run(state, make_loader(lambda number: uneven), epochs=1)
    on_real, on_fake = torch.nn.functional.softplus(torch.tensor([-4.0, 4.0])).tolist()
    assert report.train_loss == pytest.approx((3 * on_real + on_fake) / 4)
    assert report.train_accuracy == 3 / 4


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_the_weights_change(make_state, make_loader, bad):
    state = make_state()
    run(state, make_loader(), epochs=1)
    state.network.backbone.head.register_forward_hook(lambda *call: call[2] * bad)
    before = copy.deepcopy(dict(state.network.named_parameters()))
    with pytest.raises(NonFiniteLossError, match=r"loss is nan at epoch 2, step 1; .*float32"):
        run(state, make_loader(), epochs=2)
    assert_same_weights(dict(state.network.named_parameters()), before)
    assert state.epoch == 1


def test_schedule_moves_once_per_optimizer_step(make_state, make_loader):
    state = make_state(learning_rate=0.1, step_size=3)
    reports = run(state, make_loader(), epochs=3)  # 2 steps an epoch; the rate halves every 3
    assert [report.learning_rate for report in reports] == [0.1, 0.05, 0.05]
    assert state.scheduler.get_last_lr() == [0.025]


def test_gradients_are_clipped_to_the_asked_norm(make_state, make_loader):
    state, norms = make_state(), []
    state.optimizer.register_step_pre_hook(
        lambda *call: norms.append(
            torch.stack([p.grad.norm() for p in state.network.parameters()]).norm().item()
        )
    )
    run(state, make_loader(), epochs=1)
    assert max(norms) > 0.01
    norms.clear()
    run(state, make_loader(), epochs=2, grad_clip_norm=0.01)
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "GPU"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "CPU"),
    ],
)
def test_a_batch_that_does_not_fit_is_answered_with_a_size_to_try(
    make_state, make_loader, error, memory
):
    state = make_state()

    def fail(*call):
        raise error

    state.network.backbone.head.register_forward_hook(fail)
    with pytest.raises(BatchTooLargeError, match=rf"batch of 4 .*{memory}; .*batch_size=2$"):
        run(state, make_loader(), epochs=1)


def test_other_errors_pass_unchanged(make_state, make_loader):
    state = make_state()
    wrong = [(torch.zeros(2, 4, 8, 8, dtype=torch.uint8), torch.zeros(2).long())]
    with pytest.raises(RuntimeError, match="must match the size"):
        run(state, make_loader(lambda number: wrong), epochs=1)


def plain_loop(state, batches_of, *, epochs):
    """The eight steps as a course writes them: the slow reference of the loop."""
    for epoch in range(1, epochs + 1):
        state.network.train()
        for images, targets in batches_of(epoch):
            loss = torch.nn.functional.cross_entropy(state.network(images), targets)
            state.optimizer.zero_grad()
            loss.backward()
            state.optimizer.step()
            state.scheduler.step()


def test_the_neutral_step_is_the_plain_one_bit_for_bit(make_state, make_loader, batches_of):
    ours, plain = make_state(), make_state()
    torch.manual_seed(1)
    run(ours, make_loader(), epochs=3)
    torch.manual_seed(1)
    plain_loop(plain, batches_of, epochs=3)
    assert_same_weights(ours.network.state_dict(), plain.network.state_dict())


@pytest.fixture
def make_plain_state(make_state):
    """Return a builder of states whose network treats every image by itself."""

    def make(**changes):
        state = make_state(**changes)
        state.network.backbone.norm = nn.Identity()
        state.network.backbone.drop = nn.Identity()
        state.optimizer = torch.optim.SGD(state.network.parameters(), lr=0.1)
        state.scheduler = torch.optim.lr_scheduler.StepLR(state.optimizer, 2, 0.5)
        return state

    return make


def cut(batches, size):
    """The same images in batches of ``size``."""
    images, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return list(zip(images.split(size), targets.split(size), strict=True))


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("part", [1, 2, 3])
def test_accumulated_batches_make_the_step_of_one_large_batch(
    make_plain_state, make_loader, batches_of, part, clip
):
    """Eight images in steps of six: the last step, and batches of it, are smaller."""
    large, small = make_plain_state(), make_plain_state()
    large_epochs = make_loader(lambda number: cut(batches_of(number), 6))
    small_epochs = make_loader(lambda number: cut(batches_of(number), part))
    whole = run(large, large_epochs, epochs=2, grad_clip_norm=clip)
    parts = run(small, small_epochs, epochs=2, grad_clip_norm=clip, accumulate=6 // part)
    for name, value in large.network.state_dict().items():
        torch.testing.assert_close(small.network.state_dict()[name], value, msg=name)
    assert small.num_steps == large.num_steps == 4
    assert [r.learning_rate for r in parts] == [r.learning_rate for r in whole] == [0.1, 0.05]
    assert [r.train_loss for r in parts] == pytest.approx([r.train_loss for r in whole])


def test_averaged_weights_are_those_of_the_slow_formula(make_state, make_loader):
    state = make_state()
    state.average = ModelEmaV3(state.network, decay=0.6, use_warmup=True)
    seen = []
    state.optimizer.register_step_post_hook(
        lambda *call: seen.append(copy.deepcopy(state.network.state_dict()))
    )
    run(state, make_loader(), epochs=3)
    expected = dict(seen[0])
    for number, weights in enumerate(seen[1:], start=2):
        decay = min(1 - number ** (-2 / 3), 0.6)
        for name, value in weights.items():
            is_count = not value.is_floating_point()
            expected[name] = value if is_count else decay * expected[name] + (1 - decay) * value
    for name, value in state.average.module.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)
    assert state.judged_network is state.average.module
    kept = state.snapshot([], {}).weights().weights
    assert torch.equal(kept["head.weight"], state.average.module.backbone.head.weight)
    assert not torch.equal(kept["head.weight"], state.network.backbone.head.weight)


def eight_batches(number):
    """Batches of 2, 2, 2, 2, 2, 2, 2 and 1 images."""
    generator = torch.Generator().manual_seed(number)
    images = torch.randint(0, 256, (15, 3, 8, 8), generator=generator, dtype=torch.uint8)
    targets = torch.randint(0, 2, (15,), generator=generator)
    return list(zip(images.split(2), targets.split(2), strict=True))


ALL_AT_ONCE = {
    "mixing": Mixing(mixup_alpha=0.5, cutmix_alpha=0.5, seed=3),
    "loss": Loss(name="focal", label_smoothing=0.1),
    "accumulate": 2,
    "grad_clip_norm": 1.0,
}


@pytest.mark.parametrize(("every", "saves"), [(1, [None, None, None]), (3, [None])])
def test_saves_within_an_epoch_come_after_whole_steps_and_not_at_its_end(
    make_state, make_loader, every, saves
):
    how = {"epochs": 2, "checkpoint_steps": every, "accumulate": 2}
    reports = run(make_state(), make_loader(eight_batches), **how)
    assert [report and report.epoch for report in reports] == [*saves, 1, *saves, 2]


@pytest.mark.parametrize("num_yields", range(1, 8))
def test_a_run_that_ends_anywhere_is_continued_bit_for_bit(make_state, make_loader, num_yields):
    def start(seed):
        state = make_state()
        state.average = ModelEmaV3(state.network, decay=0.9, use_warmup=True)
        torch.manual_seed(seed)  # of dropout
        settings = StepSettings(torch.device("cpu"), checkpoint_steps=1, **ALL_AT_ONCE)
        return state, train_epochs(state, make_loader(eight_batches), settings, epochs=2)

    whole, whole_run = start(seed=0)
    whole_reports = collect(whole, whole_run)
    first, first_run = start(seed=0)
    for _ in range(num_yields):
        next(first_run)
    saved = first.snapshot([], {})
    second, second_run = start(seed=99)  # another process has drawn other numbers
    second.restore(saved)
    rest = collect(second, second_run)
    assert_same_weights(second.network.state_dict(), whole.network.state_dict())
    assert_same_weights(second.average.module.state_dict(), whole.average.module.state_dict())
    for ours, theirs in zip(rest, whole_reports[num_yields:], strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert (ours.epoch, ours.train_loss, ours.train_accuracy, ours.learning_rate) == (
                theirs.epoch, theirs.train_loss, theirs.train_accuracy, theirs.learning_rate,
            )  # fmt: skip
            assert ours.seconds > 0


def test_batches_are_mixed_by_their_place_in_the_run(make_state, make_loader):
    asked = []

    def mixing(images, targets, *, epoch, number):
        asked.append((epoch, number))
        return Mixing()(images, targets, epoch=epoch, number=number)

    state = make_state()
    state.progress.num_batches = 6  # of the first epoch
    run(state, make_loader(eight_batches), epochs=2, mixing=mixing)
    assert asked == [(1, 6), (1, 7)] + [(2, number) for number in range(8)]


def test_within_an_epoch_there_are_no_weights_to_keep(make_state, make_loader):
    state = make_state()
    settings = StepSettings(torch.device("cpu"), checkpoint_steps=3)
    reports = train_epochs(state, make_loader(eight_batches), settings, epochs=2)
    kept = [state.snapshot([], {}).weights() for _ in reports]
    assert [(bool(one.weights), one.epoch) for one in kept] == [
        (False, 0), (False, 0), (True, 1), (False, 1), (False, 1), (True, 2)
    ]  # fmt: skip
