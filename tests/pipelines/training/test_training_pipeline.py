"""Training as a pipeline: what it leaves on disk, repeats, resumes and selects."""

import logging
import weakref
from dataclasses import is_dataclass

import numpy as np
import pandas as pd
import pytest
import timm
import torch

from face_forgery.data.labels.manifest import ManifestError
from face_forgery.datasets.training_files import EpochWeightsDataset, TrainingStateDataset
from face_forgery.modeling.detector_folder import read_detector, write_detector
from face_forgery.modeling.factory import trained_detector
from face_forgery.modeling.inputs import INPUTS
from face_forgery.pipelines.training import create_pipeline
from face_forgery.pipelines.training.nodes import fingerprint_data
from face_forgery.training.selection import SelectionError, best_epoch

ONE_EPOCH = {"training.epochs": 1, "training.warmup_epochs": 0}


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(
    train, backbone, assert_same_end
):
    changes = ONE_EPOCH | {"model.backbone": backbone, "augmentation.jpeg": 0.5}
    first, second, other = (list(train(**changes, **{"training.seed": n})) for n in (0, 0, 1))
    assert_same_end(first, second)
    name = next(iter(first[-1][0].weights))
    assert not torch.equal(*(one[-1][0].weights[name] for one in (first, other)))


def test_batches_are_sampled_and_sources_balanced_as_asked(build_loader, data):
    for sampling in ("shuffled", "balanced"):
        loader = build_loader(**{"training.sampling": sampling})
        assert loader.sampler.params.sampling == sampling
        assert loader.dataset.sources is None
    manifest = data[1].assign(source=(["b", "a", None] * 4)[:10])
    loader = build_loader(manifest, **{"training.source_balance": 0.5})
    assert loader.sampler.params.source_balance == 0.5
    assert loader.dataset.sources.tolist() == ([1, 0, 2] * 4)[:10]
    with pytest.raises(ManifestError, match=r"source_balance needs several .*unknown.* column sou"):
        build_loader(data[1].assign(source="unknown"), **{"training.source_balance": 0.5})


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
        "training.loss.uniformity": 0.5,
        "training.label_smoothing": 0.1,
    },
}


# Each recipe with one of the networks, low rank with both: it has layers of its own for each.
@pytest.mark.parametrize(
    ("recipe", "backbone", "after"),
    [
        ("linear", "test_resnet", None),
        ("norm", "test_vit", None),
        ("norm", "test_resnet", "layer3"),
        pytest.param("lora", "test_resnet", None, marks=pytest.mark.slow),
        ("lora", "test_vit", None),
        pytest.param("lora", "test_vit", "blocks.2", marks=pytest.mark.slow),
        ("terms", "test_vit", "blocks.2"),
    ],
)
def test_every_recipe_is_continued_bit_for_bit_and_gives_a_detector_that_timm_opens(
    *, train, resume, make_params, tmp_path, recipe, backbone, after, assert_same_end
):
    changes = (
        RECIPES[recipe]
        | ONE_EPOCH
        | {
            "model.backbone": backbone,
            "model.options": {"drop_rate": 0.3},
            "model.truncate_after": after,
            "training.checkpoint_steps": 1,
        }
    )
    whole = list(train(**changes))
    assert_same_end(resume(whole[0][2], **changes), whole)
    kept, params, folder = whole[-1][0], make_params(**changes), tmp_path / "detector"
    folder.mkdir()
    write_detector(trained_detector(kept.weights, 1, params.model, params.preprocessing), folder)
    detector = read_detector(folder)
    assert (detector.input, detector.truncate_after) == (params.model.input, after)
    assert detector.build_network()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).shape == (1, 2)
    if after is None:
        opened = timm.create_model(f"local-dir:{folder}", pretrained=True).state_dict()
        assert opened.keys() == detector.weights.keys()
        assert all(torch.equal(value, detector.weights[name]) for name, value in opened.items())
    else:  # timm builds whole backbones
        following = after[:-1] + str(int(after[-1]) + 1)
        assert not any(name.startswith(f"body.{following}") for name in detector.weights)
        with pytest.raises((RuntimeError, AttributeError)):
            timm.create_model(f"local-dir:{folder}", pretrained=True)


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
    name = "conv1.0.weight"
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
def test_training_ends_when_patience_does_and_a_run_at_its_end_still_feeds_the_nodes_after_it(
    run, tmp_path, assert_same_weights
):
    changes = {"training.epochs": 5, "training.patience": 1}
    catalog = run(**changes)
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2]
    assert catalog.load("trained_detector").epoch == 1
    before = catalog.load("epoch_weights")[2]().weights
    figure = tmp_path / "data/08_reporting/training.png"
    figure.unlink()
    catalog = run(**changes | {"training.resume": True})
    assert [row["epoch"] for row in catalog.load("training_history")] == [1, 2]
    assert_same_weights(catalog.load("epoch_weights")[2]().weights, before)
    assert figure.exists()
    assert catalog.load("trained_detector").epoch == 1
    more = run(**changes | {"training.resume": True, "training.patience": 2})
    assert [row["epoch"] for row in more.load("training_history")] == [1, 2, 3]


HOLDING_OUT = {"splitting.holdout.by": "kind", "splitting.holdout.hold_out": 1}


def test_held_out_folds_are_reported_and_may_choose_the_epoch(run, data, caplog):
    targets = data[2]["target"].to_numpy(dtype=int)
    fakes = np.flatnonzero(targets)
    folds = np.full(len(targets), "", dtype=object)
    folds[fakes[::2]], folds[fakes[1::2]] = "swap (new)", "lips"
    held_out = pd.DataFrame({"holdout": folds, "is_held_out": folds == "swap (new)"})
    with caplog.at_level(logging.INFO):
        catalog = run(
            given={"val_holdout": held_out},
            **HOLDING_OUT,
            **{"training.epochs": 3, "training.select_by": "holdout_worst"},
        )
    history = catalog.load("training_history")
    assert set(history[0]["val_auc_held_out"]) == {"swap (new)"}
    assert catalog.load("training_state").history == history
    auc = history[0]["val_auc_held_out"]["swap (new)"]
    assert f"held out swap (new) {auc:.4f}" in caplog.text
    chosen = catalog.load("trained_detector").epoch
    assert chosen == best_epoch(history, "holdout_worst")
    column = [row["val_auc_held_out_worst"] for row in history]
    assert column[chosen - 1] == max(column)


def test_folds_to_select_by_must_be_in_validation(run):
    with pytest.raises(SelectionError, match="no group is held out in val_holdout; split again"):
        run(**HOLDING_OUT, **{"training.select_by": "holdout_mean"})


def test_it_learns(train):
    changes = {"training.epochs": 12, "training.optimizer.learning_rate": 3e-3}
    *_, (_, history, _) = train(**changes)
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]
    assert max(row["val_auc"] for row in history) > 0.9


def test_the_pipeline_leaves_the_best_epoch_as_a_detector(run, data, assert_same_weights):
    catalog = run(**{"data.name": "red faces"})
    history = catalog.load("training_history")
    assert [row["epoch"] for row in history] == [1, 2]
    of_training = {"epoch", "train_loss", "train_accuracy", "learning_rate"}
    timings = {"images_per_second", "seconds"}
    assert set(history[0]) == of_training | timings | {"val_auc", "val_loss", "val_accuracy"}
    detector = catalog.load("trained_detector")
    best = max(history, key=lambda row: row["val_auc"])["epoch"]
    assert detector.epoch == best
    assert_same_weights(detector.weights, catalog.load("epoch_weights")[best]().weights)
    assert detector.data_fingerprint == fingerprint_data(data[1], data[2])
    assert detector.training["training"]["seed"] == 0
    card = detector.training_data
    assert (card.name, card.num_real, card.num_fake) == ("red faces", 5, 5)
    assert catalog.load("training_state").epoch == 2
    assert catalog.load("training_figure").startswith(b"\x89PNG")


def test_epochs_that_are_saved_leave_no_weights_in_memory(run, monkeypatch):
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
    run(**{"training.epochs": 3, "training.ema_decay": 0.9})
    assert len(num_alive) == 6
    assert num_alive[2:] == 2 * num_alive[:2]  # in every epoch as in the first


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
