"""What is recorded follows from the declaration and the value alone."""

import json

import pytest

from face_forgery.hooks.declarations import (
    TrackingError,
    flatten,
    read_declaration,
    read_epochs,
    read_metrics,
)


@pytest.mark.parametrize("metadata", [None, {}, {"kedro-viz": {"layer": "raw"}}])
def test_entry_without_a_declaration_declares_nothing(metadata):
    assert read_declaration("x", metadata) is None


@pytest.mark.parametrize(
    ("declaration", "fault"),
    [
        ({"as": "metric"}, "'metrics', 'epoch_metrics', 'artifact', 'model' or 'input'"),
        ({"as": "metrics", "prefix": "val"}, "prefix: Extra inputs"),
        ({"as": "metrics"}, "as=metrics needs a group"),
        ({"as": "artifact"}, "folder goes with as=artifact"),
        ({"as": "metrics", "folder": "x"}, "folder goes with as=artifact"),
        ({}, "as: Field required"),
        ("metrics", "valid dictionary"),
    ],
)
def test_faulty_declaration_is_refused_with_the_entry_and_the_fault(declaration, fault):
    with pytest.raises(TrackingError, match=f"'roc_figure'.*{fault}"):
        read_declaration("roc_figure", {"mlflow": declaration})


def test_metrics_are_flat_and_leave_out_what_is_no_number():
    report = {
        "auc": {"value": 0.9, "low": 0.8, "high": 0.95},
        "tpr_at_fpr_1e-3": {"value": None, "low": None, "high": None},
        "eer": {"value": 0.1, "low": None},
        "log_loss": {"value": float("inf"), "low": float("nan")},
        "num_real": 150,
        "notes": {"tpr_at_fpr_1e-3": "150 real images cannot resolve it"},
        "by_kind": {"face_swap": {"auc": 0.9}},
        "name": "resnet18",
        "is_verified": True,
    }
    assert read_metrics(report, "val") == {
        "val/auc": 0.9,
        "interval/auc_low": 0.8,
        "interval/auc_high": 0.95,
        "val/eer": 0.1,
        "val/num_real": 150.0,
    }


def cell(name, auc):
    return {"name": name, "auc": {"value": auc, "low": None, "high": None}}


def test_of_cells_the_lowest_auc_of_a_name_is_a_metric():
    cells = [cell("jpeg", None), cell("jpeg", 0.7), cell("jpeg", 0.6), cell("blur", 0.9)]
    found = read_metrics({"clean": {"auc": {"value": 0.9}}, "cells": cells}, "robustness")
    assert found == {"robustness/jpeg": 0.6, "robustness/blur": 0.9}


def test_of_tables_that_of_the_group_is_recorded_under_names_that_mlflow_takes():
    tables = [
        {"key": "kind", "cells": [cell("c23/swap (new)", 0.8), cell("none", None)]},
        {"key": "source", "cells": [cell("drawn", 0.7)]},
    ]
    assert read_metrics(tables, "kind") == {"kind/c23_swap _new_": 0.8}


HISTORY = [
    {"epoch": 1, "train_loss": 0.7, "val_auc": None, "note": "warm-up"},
    {"epoch": 2, "val_auc_held_out": {"swap (new)": 0.6, "face/lips": 0.7}},
]


def test_every_epoch_not_yet_recorded_is_given_with_its_numbers_under_names_of_mlflow():
    held_out = {"swap _new_": 0.6, "face_lips": 0.7}
    held_out = {f"epoch/val_auc_held_out.{name}": auc for name, auc in held_out.items()}
    assert list(read_epochs(HISTORY, after=0)) == [
        (1, {"epoch/epoch": 1.0, "epoch/train_loss": 0.7}),
        (2, {"epoch/epoch": 2.0, **held_out}),
    ]
    assert [epoch for epoch, _ in read_epochs(HISTORY, after=1)] == [2]


def test_parameters_get_dotted_names_and_readable_texts():
    values = {
        "training": {"epochs": 3, "optimizer": {"name": "adamw", "learning_rate": 1e-3}},
        "model": {"weights": None, "options": {}, "pretrained": False},
        "augmentation": {"jpeg_quality": [50, 95]},
    }
    assert flatten(values) == {
        "training.epochs": "3",
        "training.optimizer.name": "adamw",
        "training.optimizer.learning_rate": "0.001",
        "model.weights": "null",
        "model.options": "{}",
        "model.pretrained": "false",
        "augmentation.jpeg_quality": "[50, 95]",
    }


def test_a_text_too_long_for_mlflow_says_so_and_where_it_is_whole():
    values = {"model": {"options": {"list": list(range(3000))}}}
    text = flatten(values)["model.options.list"]
    num_chars = len(json.dumps(values["model"]["options"]["list"]))
    assert text == f"({num_chars:,} characters; whole in the artifact parameters.json)"
