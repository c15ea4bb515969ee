"""Training as a pipeline: what it leaves on disk, repeats, resumes and selects."""

import logging
import weakref
from dataclasses import is_dataclass

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from kedro.io import MemoryDataset
from kedro.runner import SequentialRunner

from face_forgery.data.images.face_table import FACE_COLUMNS
from face_forgery.data.labels.manifest import ManifestError
from face_forgery.datasets.training_files import EpochWeightsDataset, TrainingStateDataset
from face_forgery.forgery.making.landmark_table import empty_table
from face_forgery.modeling.inputs import INPUTS
from face_forgery.pipelines.training import create_pipeline
from face_forgery.pipelines.training.nodes import (
    build_train_loader,
    fingerprint_data,
)
from face_forgery.training.selection import SelectionError, best_epoch

CODE_VERSION = {"face_forgery": "0.0.0", "git_commit": None}
DETECTOR = "data/06_models/detector"
NO_FACES = pd.DataFrame(columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(
    train, backbone, assert_same_end
):
    def run(seed):
        changes = {"model.backbone": backbone, "augmentation.jpeg": 0.5}
        return list(train(**changes, **{"training.seed": seed}))

    first, second, other = run(0), run(0), run(1)
    assert_same_end(first, second)
    weights, weights_of_other = (one[-1][0].weights for one in (first, other))
    name = next(iter(weights))
    assert not torch.equal(weights[name], weights_of_other[name])


@pytest.fixture
def build_batches(data, make_params):
    """Return a builder of the training batches of ``data``, or of other rows."""

    def build(manifest=None, **changes):
        params = make_params(**changes)
        return build_train_loader(
            data[1] if manifest is None else manifest,
            NO_FACES,
            empty_table(),
            data=params.data,
            preprocessing=params.preprocessing,
            augmentation=params.augmentation,
            training=params.training,
        )

    return build


def test_batches_are_sampled_as_asked(build_batches):
    for sampling in ("shuffled", "balanced"):
        loader = build_batches(**{"training.sampling": sampling})
        assert loader.sampler.params.sampling == sampling
        assert loader.dataset.sources is None


def test_sources_are_balanced_as_asked(build_batches, data):
    names = ["b", "a", None] * len(data[1])
    manifest = data[1].assign(source=names[: len(data[1])])
    batches = build_batches(manifest, **{"training.source_balance": 0.5})
    assert batches.sampler.params.source_balance == 0.5
    assert batches.dataset.sources.tolist() == ([1, 0, 2] * len(manifest))[: len(manifest)]


def test_balancing_a_single_source_is_refused_with_what_to_do(build_batches, data):
    manifest = data[1].assign(source="unknown")
    with pytest.raises(ManifestError, match=r"source_balance needs several .*unknown.* column sou"):
        build_batches(manifest, **{"training.source_balance": 0.5})


RECIPES = {
    "linear": {"model.fine_tuning": "linear"},
    "norm": {"model.fine_tuning": "norm", "model.input": "rgb_srm"},
    "lora": {
        "model.fine_tuning": "lora",
        "model.lora": {"r": 2, "use_dora": True},
        "model.input": list(INPUTS)[-1],
        "training.ema_decay": 0.9,
        "training.optimizer.layer_decay": 0.7,
    },
    "terms": {
        "training.loss.name": "focal",
        "training.loss.contrastive": 0.5,
        "training.label_smoothing": 0.1,
    },
}


# Each recipe with one of the networks, low rank with both: it has layers of its own for each.
NETWORKS = [
    ("linear", "test_resnet"),
    ("norm", "test_vit"),
    ("lora", "test_resnet"),
    ("lora", "test_vit"),
    ("terms", "test_vit"),
]


@pytest.mark.parametrize(("recipe", "backbone"), NETWORKS)
def test_every_recipe_is_continued_bit_for_bit(train, resume, recipe, backbone, assert_same_end):
    changes = RECIPES[recipe] | {
        "model.backbone": backbone,
        "model.options": {"drop_rate": 0.3},
        "training.checkpoint_steps": 1,
    }
    whole = list(train(**changes))
    for num_yields in (2, 3):
        assert_same_end(resume(whole[num_yields - 1][2], **changes), whole)


def test_averaged_weights_are_the_ones_that_are_judged_and_kept(
    train, monkeypatch, assert_same_weights
):
    judged = []

    def seen(network, *args):
        judged.append({k: v.clone() for k, v in network.backbone.state_dict().items()})
        return validate(network, *args)

    from face_forgery.training.validation import validate

    monkeypatch.setattr("face_forgery.training.run.validate", seen)
    *_, (weights, _, state) = train(**{"training.ema_decay": 0.9})
    assert_same_weights(judged[-1], weights.weights)
    name = "conv1.0.weight" if "conv1.0.weight" in weights.weights else next(iter(weights.weights))
    assert torch.equal(state.average[f"backbone.{name}"], weights.weights[name])
    assert not torch.equal(state.network[f"backbone.{name}"], weights.weights[name])


@pytest.fixture
def falling_auc(monkeypatch):
    """Have the first epoch validate best, whatever is trained."""
    aucs = iter([0.9, 0.8, 0.7, 0.6, 0.5])

    def validate(network, loader, held_out, device):
        return {"val_auc": next(aucs), "val_loss": 0.5, "val_accuracy": 0.5}

    monkeypatch.setattr("face_forgery.training.run.validate", validate)


@pytest.mark.usefixtures("falling_auc")
def test_training_ends_when_patience_does_and_is_not_resumed_after_it(
    make_catalog, assert_same_weights
):
    changes = {"training.epochs": 5, "training.patience": 2}
    catalog = make_catalog(**changes)
    SequentialRunner().run(create_pipeline(), catalog)
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2, 3]
    assert catalog.load("trained_detector").epoch == 1
    before = catalog.load("epoch_weights")[3]().weights
    catalog = make_catalog(**changes | {"training.resume": True})
    SequentialRunner().run(create_pipeline(), catalog)
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2, 3]
    assert_same_weights(catalog.load("epoch_weights")[3]().weights, before)
    more = make_catalog(**changes | {"training.resume": True, "training.patience": 3})
    SequentialRunner().run(create_pipeline(), more)
    assert [row["epoch"] for row in more.load("training_history")] == [1, 2, 3, 4]


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


@pytest.fixture
def held_out(data):
    """Half of the forgeries of validation belong to a fold that training has nothing of."""
    targets = data[2]["target"].to_numpy(dtype=int)
    fakes = np.flatnonzero(targets)
    folds = np.full(len(targets), "", dtype=object)
    folds[fakes[::2]], folds[fakes[1::2]] = "swap (new)", "lips"
    return pd.DataFrame({"holdout": folds, "is_held_out": folds == "swap (new)"})


@pytest.mark.parametrize("select_by", ["overall", "holdout_worst"])
def test_held_out_folds_are_reported_and_may_choose_the_epoch(
    make_catalog, held_out, select_by, caplog
):
    catalog = make_catalog(
        **{
            "training.epochs": 4,
            "training.select_by": select_by,
            "splitting.holdout.by": "kind",
            "splitting.holdout.hold_out": 1,
        }
    )
    catalog["val_holdout"] = MemoryDataset(held_out)
    with caplog.at_level(logging.INFO):
        SequentialRunner().run(create_pipeline(), catalog)
    history = catalog.load("training_history")
    assert set(history[0]["val_auc_held_out"]) == {"swap (new)"}
    column = {"overall": "val_auc", "holdout_worst": "val_auc_held_out_worst"}[select_by]
    assert catalog.load("trained_detector").epoch == best_epoch(history, select_by)
    assert catalog.load("training_state").history == history
    auc = history[0]["val_auc_held_out"]["swap (new)"]
    assert f"held out swap (new) {auc:.4f}" in caplog.text
    assert (
        max(row[column] for row in history) == history[best_epoch(history, select_by) - 1][column]
    )


def test_folds_to_select_by_must_be_in_validation(make_catalog):
    catalog = make_catalog(
        **{
            "training.select_by": "holdout_mean",
            "splitting.holdout.by": "kind",
            "splitting.holdout.hold_out": 1,
        }
    )
    with pytest.raises(SelectionError, match="no group is held out in val_holdout; split again"):
        SequentialRunner().run(create_pipeline(), catalog)


def test_it_learns(train):
    changes = {"training.epochs": 12, "training.optimizer.learning_rate": 3e-3}
    *_, (_, history, _) = train(**changes)
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]
    assert max(row["val_auc"] for row in history) > 0.9


def test_the_pipeline_leaves_the_best_epoch_as_a_detector(make_catalog, data, assert_same_weights):
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


@pytest.mark.parametrize(("recipe", "backbone"), NETWORKS)
def test_the_detector_of_every_recipe_is_a_plain_timm_model(
    make_catalog, tmp_path, recipe, backbone, assert_same_weights
):
    changes = RECIPES[recipe] | {"model.backbone": backbone}
    catalog = make_catalog(**changes)
    SequentialRunner().run(create_pipeline(), catalog)
    detector = catalog.load("trained_detector")
    assert detector.input == changes.get("model.input", "rgb")
    opened = timm.create_model(f"local-dir:{tmp_path / DETECTOR}", pretrained=True).eval()
    assert_same_weights(dict(opened.state_dict()), detector.weights)


@pytest.mark.parametrize(
    ("recipe", "backbone", "after"),
    [
        ("linear", "test_vit", "blocks.2"),
        ("norm", "test_resnet", "layer3"),
        ("lora", "test_resnet", "layer3"),
        ("lora", "test_vit", "blocks.2"),
        ("full", "test_vit", "blocks.2"),
    ],
)
def test_the_detector_of_a_truncated_network_is_read_as_it_was_trained(
    make_catalog, tmp_path, recipe, backbone, after
):
    changes = RECIPES.get(recipe, {}) | {"model.backbone": backbone, "model.truncate_after": after}
    catalog = make_catalog(**changes)
    SequentialRunner().run(create_pipeline(), catalog)
    detector = catalog.load("trained_detector")
    assert detector.truncate_after == after
    assert not any(name.startswith(f"body.{_next(after)}") for name in detector.weights)
    network = detector.build_network()
    assert network(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).shape == (1, 2)
    with pytest.raises((RuntimeError, AttributeError)):  # timm builds whole backbones
        timm.create_model(f"local-dir:{tmp_path / DETECTOR}", pretrained=True)


def _next(block):
    return block[:-1] + str(int(block[-1]) + 1)


@pytest.mark.parametrize("average", [None, 0.9])
def test_epochs_that_are_saved_leave_no_weights_in_memory(make_catalog, monkeypatch, average):
    alive, num_alive = [], []

    def watch(dataset, tensors_of):
        save = dataset.save

        def saving(self, data):
            save(self, data)
            alive.extend(weakref.ref(tensor) for tensor in tensors_of(data))
            num_alive.append(sum(tensor() is not None for tensor in alive))

        monkeypatch.setattr(dataset, "save", saving)

    watch(EpochWeightsDataset, lambda data: data.weights.values())
    watch(TrainingStateDataset, _tensors_in)
    catalog = make_catalog(**{"training.epochs": 4, "training.ema_decay": average})
    SequentialRunner().run(create_pipeline(), catalog)
    assert len(num_alive) == 8
    assert num_alive[2:] == 3 * num_alive[:2]  # in every epoch as in the first


def _tensors_in(value):
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    if is_dataclass(value):
        parts = vars(value).values()
    elif not isinstance(value, dict | list | tuple):
        return []
    return [tensor for part in parts for tensor in _tensors_in(part)]


def test_selection_sees_no_test_set():
    pipeline = create_pipeline().only_nodes("select_checkpoint")
    assert not {name for name in pipeline.inputs() if "test" in name or "submission" in name}
    upstream = create_pipeline().to_nodes("select_checkpoint")
    assert upstream.inputs() & {"train_manifest", "val_manifest", "label_table"} == {
        "train_manifest",
        "val_manifest",
    }


def test_the_chosen_detector_carries_where_its_images_came_from(make_catalog):
    catalog = make_catalog(**{"data.name": "red faces"})
    SequentialRunner().run(create_pipeline(), catalog)
    card = catalog["trained_detector"].load().training_data
    assert (card.name, card.num_real, card.num_fake) == ("red faces", 5, 5)
