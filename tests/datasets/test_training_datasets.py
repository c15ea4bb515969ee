"""Weights and states on disk: whole, lazy, and never executed."""

from dataclasses import replace

import pytest
import torch
from kedro.io import DatasetError

from face_forgery.datasets.training_files import EpochWeightsDataset, TrainingStateDataset
from face_forgery.training.records import Checkpoint, EpochWeights


def weights(epoch):
    return EpochWeights(epoch, {"conv": torch.full((2, 3), float(epoch))})


@pytest.fixture
def epochs(tmp_path):
    return EpochWeightsDataset(filepath=str(tmp_path / "epochs"))


@pytest.fixture
def state(tmp_path):
    return TrainingStateDataset(filepath=str(tmp_path / "state.pt"))


@pytest.fixture
def checkpoint():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], fused=True)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer)
    after = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, after], [5])
    weight.sum().backward()
    optimizer.step()
    scheduler.step()
    return Checkpoint(
        epoch=3,
        progress={"num_batches": 2, "num_images": 7, "loss_sum": 0.5, "num_correct": 3},
        num_steps=20,
        network={"conv": torch.arange(4.0)},
        average={"conv": torch.ones(4)},
        optimizer=optimizer.state_dict(),
        scheduler=scheduler.state_dict(),
        random={"cpu": torch.get_rng_state(), "cuda": []},
        history=[{"epoch": 3, "val_auc": 0.75}],
        fingerprint={"training.seed": 0, "model.weights": None, "augmentation.jpeg": [1, 2]},
    )


def disk_is_full(*args, **kwargs):
    raise OSError(28, "No space left on device")


def killed(*args, **kwargs):
    raise KeyboardInterrupt


def test_each_epoch_is_a_file_that_is_read_when_asked_for(epochs, tmp_path):
    assert not epochs.exists()
    for epoch in (1, 2, 3):
        epochs.save(weights(epoch))
    loaded = epochs.load()
    assert list(loaded) == [1, 2, 3]
    (tmp_path / "epochs/epoch_003.safetensors").unlink()
    assert torch.equal(loaded[2]().weights["conv"], weights(2).weights["conv"])
    assert loaded[2]().epoch == 2


def test_saving_an_epoch_or_within_one_removes_later_ones_of_an_older_run(epochs):
    for epoch in (1, 2, 3, 12):
        epochs.save(weights(epoch))
    epochs.save(weights(3))
    assert list(epochs.load()) == [1, 2, 3]
    epochs.save(EpochWeights(2, {}))
    assert torch.equal(epochs.load()[2]().weights["conv"], weights(2).weights["conv"])
    assert list(epochs.load()) == [1, 2]
    epochs.save(EpochWeights(0, {}))
    assert not epochs.exists()


@pytest.mark.parametrize("interruption", [disk_is_full, killed])
def test_a_save_that_breaks_off_leaves_epoch_and_state_as_they_were(
    epochs, state, checkpoint, monkeypatch, interruption
):
    epochs.save(weights(1))
    state.save(checkpoint)
    monkeypatch.setattr("face_forgery.datasets.atomic.flush_to_disk", interruption)
    with pytest.raises(BaseException, match=r"No space left|^$"):
        epochs.save(EpochWeights(1, {"conv": torch.zeros(9)}))
    with pytest.raises(BaseException, match=r"No space left|^$"):
        state.save(replace(checkpoint, epoch=4))
    assert torch.equal(epochs.load()[1]().weights["conv"], weights(1).weights["conv"])
    assert state.load().epoch == 3


def test_what_a_killed_run_left_half_written_is_no_epoch_and_a_damaged_one_is_named(
    epochs, tmp_path
):
    epochs.save(weights(1))
    (tmp_path / "epochs/.epoch_002.safetensors.partial").write_bytes(b"half")
    assert list(epochs.load()) == [1]
    (tmp_path / "epochs/epoch_001.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"epoch_001\.safetensors: .*kedro run --pipelines train"):
        epochs.load()[1]()


def test_a_state_comes_back_as_it_was(state, checkpoint):
    state.save(checkpoint)
    loaded = state.load()
    for name, value in vars(checkpoint).items():
        assert_equal(getattr(loaded, name), value)


def assert_equal(some, other):
    if isinstance(other, torch.Tensor):
        assert torch.equal(some, other)
    elif isinstance(other, dict):
        assert some.keys() == other.keys()
        for key, value in other.items():
            assert_equal(some[key], value)
    else:
        assert some == other


def test_a_spoilt_state_is_refused_by_name_where_it_is_wanted(state, tmp_path):
    assert not state.exists()
    assert state.load() is None
    (tmp_path / "state.pt").write_bytes(b"damaged")
    with pytest.raises(DatasetError, match=r"state\.pt: .*training state.*training\.resume=false"):
        state.load()
    unwanted = TrainingStateDataset(filepath=str(tmp_path / "state.pt"), enabled=False)
    assert unwanted.load() is None
