"""Training and scoring on a CUDA device. Without one the same tests run on the CPU where they can.

What a GPU changes is rounding and the order of sums, and where the memory ends.
"""

import gc

import numpy as np
import pytest
import torch

from face_forgery.modeling.forward_path import pick_device, resolve_precision, score_images
from face_forgery.modeling.inputs import INPUTS
from face_forgery.training.loop import BatchTooLargeError, train_epochs
from face_forgery.training.losses import LOSSES
from face_forgery.training.state import build_state
from face_forgery.training.step_settings import StepSettings

CPU = torch.device("cpu")
SIZE, BATCH, EPOCHS = 32, 8, 6
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
DEVICES = [
    pytest.param("cpu"),
    pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu]),
]


def batches_of(epoch):
    """Return five batches in which a forgery has a grid on it."""
    generator = torch.Generator().manual_seed(epoch)
    images = torch.randint(60, 160, (5 * BATCH, 3, SIZE, SIZE), generator=generator)
    targets = torch.arange(len(images)) % 2
    images[1::2, :, ::2, ::2] += 60
    return list(zip(images.to(torch.uint8).split(BATCH), targets.split(BATCH), strict=True))


@pytest.fixture
def start(make_params, make_loader):
    """Return a builder: device, changes -> a state, and what trains it up to an epoch."""

    def of(device, **changes):
        params = make_params(**{"training.epochs": EPOCHS, "training.batch_size": BATCH} | changes)
        torch.manual_seed(0)
        state = build_state(params.model, params.training, SIZE, 5, torch.device(device))
        settings = StepSettings.of(params.training, torch.device(device), batches_per_epoch=5)

        def train(until):
            epochs = train_epochs(state, make_loader(batches_of), settings, epochs=until)
            return [epoch.loss_sum / epoch.num_images for epoch in epochs]

        return state, train

    return of


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"training.precision": "bfloat16"},
        {"model.input": "rgb_srm", "training.loss.uniformity": 0.5},
        {"model.backbone": "test_vit", "model.fine_tuning": "lora", "training.ema_decay": 0.9},
        {"model.truncate_after": "layer2", "training.mixup_alpha": 0.2},
        {"model.input": list(INPUTS)[-1], "training.loss.name": list(LOSSES)[1]},
        {"model.fine_tuning": "norm", "training.loss.name": "focal"},
        {"model.fine_tuning": "linear"},
    ],
    ids=lambda changes: "-".join(changes) or "plain",
)
def test_it_learns_and_the_cpu_gives_the_same_scores(start, device, changes):
    if "lora" in changes.values():
        pytest.importorskip("peft")
    state, train = start(device, **{"training.optimizer.learning_rate": 3e-3} | changes)
    losses = train(EPOCHS)
    assert losses[-1] < losses[0]
    images = torch.cat([images for images, _ in batches_of(99)])
    targets = torch.cat([targets for _, targets in batches_of(99)]).numpy()
    scores = score_images(state.judged_network, images, torch.device(device))
    auc = (scores[targets == 1][:, None] > scores[targets == 0]).mean()
    assert auc > 0.9
    moved = state.judged_network.to(CPU)
    np.testing.assert_allclose(score_images(moved, images, CPU), scores, atol=5e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_that_goes_on_ends_with_the_weights_of_one_that_was_left_alone(start, device):
    changes = {"training.ema_decay": 0.9, "training.mixup_alpha": 0.2, "training.precision": "auto"}
    torch.backends.cudnn.deterministic = True
    whole, train_whole = start(device, **changes)
    train_whole(EPOCHS)
    first, train_first = start(device, **changes)
    train_first(2)
    second, train_second = start(device, **changes)
    torch.manual_seed(12345)
    second.restore(first.snapshot([], {}))
    train_second(EPOCHS)
    expected, found = whole.snapshot([], {}), second.snapshot([], {})
    for kind in ("network", "average"):
        for name, value in getattr(expected, kind).items():
            assert torch.equal(value, getattr(found, kind)[name]), f"{kind}: {name}"


@pytest.mark.gpu
@needs_gpu
def test_a_checkpoint_of_a_gpu_holds_no_tensor_of_it(start):
    state, train = start("cuda", **{"training.ema_decay": 0.9})
    train(1)
    assert state.network.mean.is_cuda

    def tensors(value):
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict | list | tuple):
            for part in value.values() if isinstance(value, dict) else value:
                yield from tensors(part)

    found = list(tensors(vars(state.snapshot([], {}))))
    assert len(found) > 50
    assert not any(tensor.is_cuda for tensor in found)


@pytest.mark.gpu
@needs_gpu
def test_memory_of_the_gpu_does_not_grow_with_epochs(start):
    _, train = start("cuda", **{"training.ema_decay": 0.9, "training.loss.uniformity": 0.5})
    train(2)
    gc.collect()
    before = torch.cuda.memory_allocated()
    train(EPOCHS)
    gc.collect()
    assert torch.cuda.memory_allocated() == before


@pytest.mark.gpu
@needs_gpu
def test_a_batch_too_large_for_the_gpu_names_the_size_to_try(make_params, make_loader):
    params = make_params(**{"training.batch_size": 64})
    device, size = torch.device("cuda"), 224
    state = build_state(params.model, params.training, size, 1, device)
    settings = StepSettings.of(params.training, device, batches_per_epoch=1)
    images = torch.zeros((64, 3, size, size), dtype=torch.uint8)
    batches = make_loader(lambda number: [(images, torch.arange(64) % 2)])
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(60e6 / total)
    try:
        with pytest.raises(BatchTooLargeError, match=r"GPU; try training.batch_size=32"):
            list(train_epochs(state, batches, settings, epochs=1))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.gpu
@needs_gpu
def test_the_gpu_is_taken_where_there_is_one():
    assert pick_device().type == "cuda"
    new = torch.cuda.get_device_capability() >= (8, 0)
    assert resolve_precision("auto", pick_device()) == (torch.bfloat16 if new else torch.float32)


@pytest.mark.gpu
@pytest.mark.slow
@needs_gpu
def test_a_compiled_step_learns_as_the_plain_one_does(start):
    _, plain = start("cuda")
    _, compiled = start("cuda", **{"training.compile": True})
    np.testing.assert_allclose(compiled(EPOCHS), plain(EPOCHS), rtol=0.05)
