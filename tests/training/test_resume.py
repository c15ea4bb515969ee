"""A saved state is continued by the same run only."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from face_forgery.data.loading.image_dataset import ImageDataset
from face_forgery.data.loading.loaders import eval_loader, train_loader
from face_forgery.data.splits.holdout import HeldOut
from face_forgery.training.resume import ResumeError, resume, run_fingerprint
from face_forgery.training.step_settings import StepSettings
from face_forgery.training.training_data import Run


@pytest.fixture
def fingerprint(make_params, monkeypatch):
    """Return a function: parameters and data -> fingerprint."""
    monkeypatch.setattr("face_forgery.training.step_settings._missing", lambda device: None)

    def of(
        *, train_data="a", val_data="b", landmarks=None, held_out=None, sources=None, **overrides
    ):
        params = make_params(**overrides)

        def dataset(content, **settings):
            paths, targets = np.array(["x"] * 8), np.arange(8) % 2
            return ImageDataset("", paths, targets, content, params.preprocessing, **settings)

        forgeries = None
        if landmarks is not None:
            forgeries = SimpleNamespace(rows=np.arange(2), num_per_epoch=1, fingerprint=landmarks)
        train = dataset(
            train_data,
            augmentation=params.augmentation,
            sources=None if sources is None else np.array(sources * 4),
            forgeries=forgeries,
        )
        groups = None
        if held_out is not None:
            groups = HeldOut({"swap": np.array(held_out)}, seen=np.arange(2, 8))
        loader = train_loader(train, params.training)
        val_loader = eval_loader(dataset(val_data), batch_size=8, num_workers=0)
        run = Run(loader, val_loader, params.model, params.training, groups)
        settings = StepSettings.of(params.training, torch.device("cpu"), len(loader))
        return run_fingerprint(run, settings)

    return of


SWAP_HELD_OUT = {"splitting.holdout.by": "kind", "splitting.holdout.hold_out": ["swap"]}
STEP = {"training.schedule": {"name": "step", "step_epochs": 4, "gamma": 0.85}}


@pytest.mark.parametrize(
    "change",
    [
        {"train_data": "c"},
        {"val_data": "c"},
        {"model.backbone": "resnet18"},
        {"model.options": {"drop_rate": 0.1}},
        {"preprocessing.image_size": 64},
        {"augmentation.jpeg": 0.5},
        {"augmentation.degradation": 0.5},
        {"landmarks": "c"},
        {"held_out": [0, 1]},
        {"training.seed": 1},
        {"training.batch_size": 5},
        {"training.optimizer.learning_rate": 1e-4},
        {"training.epochs": 9},
        {"training.accumulate": 2},
        {"training.sampling": "balanced"},
        {"training.source_balance": 0.5},
        {"sources": [0, 1]},
        {"training.precision": "bfloat16"},
        {"training.compile": True},
        {"training.mixup_alpha": 0.2},
        {"training.cutmix_alpha": 0.2},
        {"training.label_smoothing": 0.1},
        {"training.loss.name": "focal"},
        {"training.loss.uniformity": 0.1},
        {"model.input": "rgb_srm"},
        {"model.fine_tuning": "norm"},
        {"model.truncate_after": "layer2"},
        {"model.lora.r": 4},
        {"training.ema_decay": 0.99},
        {"training.optimizer.layer_decay": 0.7},
    ],
    ids=lambda change: next(iter(change)),
)
def test_anything_that_changes_the_weights_is_in_the_fingerprint(fingerprint, change):
    assert fingerprint(**change) != fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"training.resume": True},
        {"training.num_workers": 2},
        {"training.checkpoint_steps": 5},
        {"training.patience": 3},
        {"training.select_by": "holdout_mean", **SWAP_HELD_OUT},
        {"training.compile": False},
        {"model.max_parameters": 10**9},
        STEP | {"training.epochs": 9},
    ],
    ids=lambda change: list(change)[-1],
)
def test_what_changes_no_weight_is_not_in_the_fingerprint(fingerprint, change):
    base = STEP if "training.schedule" in change else {}
    assert fingerprint(**change) == fingerprint(**base)


def test_a_state_of_another_run_is_refused_with_what_differs(make_state, fingerprint):
    saved = make_state().snapshot([], fingerprint())
    now = fingerprint(**{"training.seed": 1, "model.options": {"drop_rate": 0.1}})
    with pytest.raises(ResumeError) as caught:
        resume(make_state(), saved, now, epochs=2)
    message = str(caught.value)
    assert "differs in 2 value(s)" in message
    assert "training.seed: 0 -> 1" in message
    assert "model.options.drop_rate: nothing -> 0.1" in message
    assert message.endswith("training.resume=false")


def test_without_a_state_the_run_starts_and_says_so(make_state, fingerprint, caplog):
    state = make_state()
    with caplog.at_level(logging.INFO):
        assert resume(state, None, fingerprint(), epochs=2) == []
    assert state.epoch == 0
    assert "starting at epoch 1" in caplog.text


def state_after(state, *, num_batches):
    """Three whole epochs, and batches of the fourth."""
    state.epoch = 3
    for _ in range(num_batches):
        state.progress.add(0.5, num_correct=1, num_images=2)
    return state


@pytest.mark.parametrize(
    ("num_batches", "message"),
    [(0, "Continuing after epoch 3 of 5"), (1, "after epoch 3 and 1 batches of the next of 5")],
)
def test_a_state_brings_its_history_and_where_it_was(
    make_state, fingerprint, caplog, num_batches, message
):
    first, state = state_after(make_state(), num_batches=num_batches), make_state()
    with caplog.at_level(logging.INFO):
        saved = first.snapshot([{"epoch": 3}], fingerprint())
        assert resume(state, saved, fingerprint(), epochs=5) == [{"epoch": 3}]
    assert (state.epoch, state.progress) == (3, first.progress)
    assert message in caplog.text


@pytest.mark.parametrize(
    ("num_batches", "epochs", "message"), [(0, 2, "has 3 epochs,"), (1, 3, "3 epochs and 1 batch")]
)
def test_fewer_epochs_than_the_state_has_is_an_error(
    make_state, fingerprint, num_batches, epochs, message
):
    saved = state_after(make_state(), num_batches=num_batches).snapshot([], fingerprint())
    with pytest.raises(ResumeError, match=rf"{message}.* training\.epochs={epochs} asks"):
        resume(make_state(), saved, fingerprint(), epochs=epochs)


def test_precision_counts_as_what_it_was_resolved_to(fingerprint, monkeypatch):
    automatic = {"training.precision": "auto"}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        monkeypatch.setattr(
            "face_forgery.training.step_settings.resolve_precision", lambda *_, dtype=dtype: dtype
        )
        assert fingerprint(**automatic)["training.precision"] == name
