"""Figures of training and of hold-out groups show their numbers."""

import io

import pytest

from face_forgery.evaluation.reporting.result_figures import (
    draw_groups,
    draw_robustness,
    draw_shortcuts,
    draw_training,
)

FORMULA = r"$\frac{1}$"
HISTORY = [
    {"epoch": 1, "train_loss": 0.7, "val_loss": 0.8, "val_auc": 0.6},
    {"epoch": 2, "train_loss": 0.5, "val_loss": 0.6, "val_auc": 0.9},
    {"epoch": 3, "train_loss": 0.3, "val_loss": 0.7, "val_auc": 0.8},
]


def interval(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.03}


def make_groups(**names):
    """Return a result of cross-validation from name -> AUC within and on the unseen group."""
    groups = [
        {"name": name, "within": interval(within), "unseen": interval(unseen)}
        for name, (within, unseen) in names.items()
    ]
    means = {"within_mean": interval(0.945), "unseen_mean": interval(0.7), "drop_mean": None}
    return {"groups": groups, "bootstrap": {"confidence": 0.95}, **means}


def test_losses_and_auc_are_drawn_and_the_best_epoch_is_marked():
    losses, aucs = draw_training(HISTORY, 2).axes
    assert [list(line.get_ydata()) for line in losses.lines] == [[0.7, 0.5, 0.3], [0.8, 0.6, 0.7]]
    curve, mark = aucs.lines
    assert list(curve.get_ydata()) == [0.6, 0.9, 0.8]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([2], [0.9])
    assert aucs.texts[0].get_text() == "0.900, epoch 2"
    assert "nats" in losses.get_ylabel()


def test_no_epoch_is_an_error():
    with pytest.raises(ValueError, match="no epoch"):
        draw_training([], 1)


def test_each_group_and_the_mean_have_a_row_with_both_numbers():
    (axes,) = draw_groups(make_groups(lips=(0.95, 0.8), swap=(0.94, 0.6))).axes
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert labels == [
        "mean within 0.945, unseen 0.700",
        "swap within 0.940, unseen 0.600",
        "lips within 0.950, unseen 0.800",
    ]
    drawn = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 1]
    assert [float(x[0]) for x in drawn] == [0.945, 0.7, 0.94, 0.6, 0.95, 0.8]


@pytest.mark.parametrize(
    "figure",
    [
        draw_training(HISTORY[:1], 1),
        draw_training([row | {"val_auc_held_out": {FORMULA: 0.5}} for row in HISTORY], 1),
        draw_groups(make_groups(**{FORMULA: (0.95, 0.8)})),
    ],
)
def test_one_epoch_and_names_that_look_like_a_formula_can_be_written(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert len(buffer.getvalue()) > 5000


def test_text_is_large_enough_where_a_page_shows_it(assert_readable):
    cell = {"title": "JPEG", "level": 1, "label": "quality 70", "auc": interval(0.8)}
    cell |= {"drop": interval(0.1)}
    grid = {
        "num_real": 9,
        "num_fake": 9,
        "clean": cell,
        "cells": [cell | {"level": n} for n in range(1, 6)],
    }
    shortcut = {"probe": "file size", "source": "a", "auc": interval(0.6), "is_warning": False}
    for figure in (
        draw_training(HISTORY, 2),
        draw_groups(make_groups(lips=(0.95, 0.8))),
        draw_robustness(grid),
        draw_shortcuts([shortcut], limit=0.65),
    ):
        assert_readable(figure)
