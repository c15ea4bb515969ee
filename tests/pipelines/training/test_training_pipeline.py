"""Training as a pipeline: what it leaves on disk, repeats, resumes and selects."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import torch
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from face_forgery.data.face_table import FACE_COLUMNS
from face_forgery.data.faces import finder_values
from face_forgery.datasets.detector import DetectorDataset
from face_forgery.datasets.epoch_weights import EpochWeightsDataset
from face_forgery.datasets.figure import FigureDataset
from face_forgery.datasets.json_file import AtomicJSONDataset
from face_forgery.datasets.training_state import TrainingStateDataset
from face_forgery.pipelines.training import create_pipeline
from face_forgery.pipelines.training.nodes import (
    build_train_batches,
    build_val_batches,
    fingerprint_data,
    select_checkpoint,
    train_detector,
)

NO_FACES = pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)
CODE_VERSION = {"face_forgery": "0.0.0", "git_commit": None}
TIMINGS = {"seconds", "images_per_second"}


@pytest.fixture
def data(make_faces, tmp_path):
    root = str(tmp_path / "faces")
    return root, make_faces(10, name="train"), make_faces(9, seed=1, name="val")


@pytest.fixture
def train(data, make_params):
    """Return a function that runs the training node and gives all it yields."""
    root, train_manifest, val_manifest = data

    def run(resume_from=None, **overrides):
        params = make_params(**{"data.root": root} | overrides)
        nodes = (
            build_train_batches(
                train_manifest,
                NO_FACES,
                data=params.data,
                preprocessing=params.preprocessing,
                augmentation=params.augmentation,
                training=params.training,
            ),
            build_val_batches(
                val_manifest, NO_FACES, params.data, params.preprocessing, params.scoring
            ),
        )
        return train_detector(*nodes, params.model, params.training, resume_from)

    return run


def without_timings(history):
    return [{name: row[name] for name in row.keys() - TIMINGS} for row in history]


def assert_same_weights(some, others):
    assert some.keys() == others.keys()
    assert all(torch.equal(value, others[name]) for name, value in some.items())


CONSTANT = {"training.schedule": {"name": "constant", "step_epochs": None, "gamma": None}}


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(train, backbone):
    def weights(seed):
        *_, (last, history, _) = train(
            **{"training.seed": seed, "model.backbone": backbone, "augmentation.jpeg": 0.5}
        )
        return last.weights, without_timings(history)

    (first, history), (second, again), (other, _) = weights(0), weights(0), weights(1)
    assert_same_weights(first, second)
    assert history == again
    assert not torch.equal(next(iter(first.values())), next(iter(other.values())))


@pytest.mark.parametrize("epochs_before", [1, 2])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(train, tmp_path, epochs_before):
    changes = {
        "training.epochs": 3,
        "model.options": {"drop_rate": 0.3},
        "augmentation.noise": 0.5,
    }
    whole = list(train(**changes))
    file = TrainingStateDataset(filepath=str(tmp_path / "state.pt"))
    file.save(whole[epochs_before - 1][2])
    torch.manual_seed(99)  # another process
    rest = list(train(file.load(), **changes | {"training.resume": True}))
    assert [weights.epoch for weights, _, _ in rest] == list(range(epochs_before + 1, 4))
    for resumed, uninterrupted in zip(rest, whole[epochs_before:], strict=True):
        assert_same_weights(resumed[0].weights, uninterrupted[0].weights)
        assert without_timings(resumed[1]) == without_timings(uninterrupted[1])
        assert torch.equal(resumed[2].random["cpu"], uninterrupted[2].random["cpu"])


def test_a_run_may_be_lengthened_where_the_schedule_does_not_mind(train):
    whole = list(train(**CONSTANT | {"training.epochs": 3}))
    two = list(train(**CONSTANT))
    (third,) = train(two[-1][2], **CONSTANT | {"training.epochs": 3, "training.resume": True})
    assert_same_weights(third[0].weights, whole[-1][0].weights)


def test_without_resume_an_old_state_is_ignored(train):
    (*_, last) = train()
    anew = list(train(last[2]))
    assert [weights.epoch for weights, _, _ in anew] == [1, 2]


def test_every_epoch_is_reported_with_its_validation(train):
    *_, (_, history, _) = train()
    assert [row["epoch"] for row in history] == [1, 2]
    assert set(history[0]) == {
        "epoch",
        "train_loss",
        "train_accuracy",
        "learning_rate",
        "images_per_second",
        "seconds",
        "val_auc",
        "val_loss",
        "val_accuracy",
    }


def test_it_learns(train):
    changes = {"training.epochs": 12, "training.optimizer.learning_rate": 3e-3}
    *_, (_, history, _) = train(**changes)
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert max(row["val_auc"] for row in history) > 0.9


@pytest.fixture
def make_catalog(data, make_params, tmp_path):
    root, train_manifest, val_manifest = data

    def make(**overrides):
        params = make_params(**{"data.root": root} | overrides)
        state = str(tmp_path / "state.pt")
        entries = {
            "train_manifest": MemoryDataset(train_manifest),
            "val_manifest": MemoryDataset(val_manifest),
            "train_batches": MemoryDataset(copy_mode="assign"),
            "val_batches": MemoryDataset(copy_mode="assign"),
            "face_table": MemoryDataset(NO_FACES),
            "face_finder": MemoryDataset(finder_values(None, params.faces)),
            "code_version": MemoryDataset(CODE_VERSION),
            "data_fingerprint": AtomicJSONDataset(filepath=str(tmp_path / "data.json")),
            "epoch_weights": EpochWeightsDataset(filepath=str(tmp_path / "epochs")),
            "training_history": AtomicJSONDataset(filepath=str(tmp_path / "history.json")),
            "training_state": TrainingStateDataset(filepath=state),
            "resume_from": TrainingStateDataset(filepath=state, enabled=params.training.resume),
            "training_figure": FigureDataset(filepath=str(tmp_path / "training.png")),
            "trained_detector": DetectorDataset(filepath=str(tmp_path / "detector")),
        }
        for section in type(params).model_fields:
            entries[f"params:{section}"] = MemoryDataset(getattr(params, section))
        return DataCatalog(entries)

    return make


def test_the_pipeline_leaves_the_best_epoch_as_a_detector(make_catalog, data):
    catalog = make_catalog()
    SequentialRunner().run(create_pipeline(), catalog)
    history = catalog.load("training_history")
    detector = catalog.load("trained_detector")
    best = max(history, key=lambda row: row["val_auc"])["epoch"]
    assert detector.epoch == best
    assert_same_weights(detector.weights, catalog.load("epoch_weights")[best]().weights)
    assert detector.data_fingerprint == fingerprint_data(data[1], data[2])
    assert detector.training["training"]["seed"] == 0
    assert catalog.load("training_state").epoch == 2
    assert catalog.load("training_figure").startswith(b"\x89PNG")
    assert detector.build_network()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).shape == (1, 2)


def test_a_run_killed_in_its_third_epoch_is_continued_by_the_same_command(
    make_catalog, monkeypatch
):
    changes = {"training.epochs": 4, "training.resume": True}
    whole = make_catalog(**changes)
    SequentialRunner().run(create_pipeline(), whole)
    expected = whole.load("epoch_weights")[4]().weights

    def killed_in_epoch_3(*args, **kwargs) -> Iterator[Any]:
        for report in train_epochs(*args, **kwargs):
            if report.epoch == 3:
                raise KeyboardInterrupt
            yield report

    from face_forgery.training.loop import train_epochs

    whole.get("training_state")._filepath.unlink()
    catalog = make_catalog(**changes)
    with monkeypatch.context() as patch:
        patch.setattr("face_forgery.training.loop.train_epochs", killed_in_epoch_3)
        with pytest.raises(KeyboardInterrupt):
            SequentialRunner().run(create_pipeline(), catalog)
    assert list(catalog.load("epoch_weights")) == [1, 2]
    assert catalog.load("training_state").epoch == 2
    catalog = make_catalog(**changes)
    SequentialRunner().run(create_pipeline(), catalog)
    assert_same_weights(catalog.load("epoch_weights")[4]().weights, expected)
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2, 3, 4]


def test_a_finished_run_that_is_resumed_still_feeds_the_nodes_after_it(make_catalog, tmp_path):
    SequentialRunner().run(create_pipeline(), make_catalog())
    (tmp_path / "training.png").unlink()
    catalog = make_catalog(**{"training.resume": True})
    SequentialRunner().run(create_pipeline(), catalog)
    assert (tmp_path / "training.png").exists()
    assert catalog.load("trained_detector").epoch in {1, 2}


def test_selection_sees_no_test_set():
    pipeline = create_pipeline().only_nodes("select_checkpoint")
    assert not {name for name in pipeline.inputs() if "test" in name or "submission" in name}
    upstream = create_pipeline().to_nodes("select_checkpoint")
    assert upstream.inputs() & {"train_manifest", "val_manifest", "label_table"} == {
        "train_manifest",
        "val_manifest",
    }


def test_selection_goes_by_validation_auc_alone(make_params):
    params = make_params()
    from face_forgery.training.records import EpochWeights

    def make(epoch):
        return lambda: EpochWeights(epoch, {"epoch": torch.tensor(epoch)})

    history = [
        {"epoch": 1, "val_auc": 0.7, "val_accuracy": 0.9, "val_loss": 0.1, "train_loss": 0.1},
        {"epoch": 2, "val_auc": 0.8, "val_accuracy": 0.5, "val_loss": 0.9, "train_loss": 0.9},
        {"epoch": 3, "val_auc": 0.8, "val_accuracy": 0.9, "val_loss": 0.1, "train_loss": 0.1},
    ]
    detector = select_checkpoint(
        epoch_weights={epoch: make(epoch) for epoch in (1, 2, 3)},
        training_history=history,
        model=params.model,
        preprocessing=params.preprocessing,
        augmentation=params.augmentation,
        training=params.training,
        face_finder=finder_values(None, params.faces),
        data_fingerprint="f" * 64,
        code_version=CODE_VERSION,
    )
    assert detector.epoch == 2
    assert detector.weights == {"epoch": torch.tensor(2)}
    assert detector.preprocessing.mean == (0.5, 0.5, 0.5)


def test_nodes_are_named_after_their_functions():
    assert all(node.name == node.func.__name__ for node in create_pipeline().nodes)
