"""The epoch with the best validation AUC is chosen."""

from functools import partial

import pytest

from face_forgery.training.records import EpochWeights
from face_forgery.training.selection import (
    SelectionError,
    best_epoch,
    best_weights,
    check_what_to_select_by,
    is_stalled,
)


def history(*aucs):
    return [{"epoch": i, "val_auc": auc, "val_accuracy": -auc} for i, auc in enumerate(aucs, 1)]


@pytest.mark.parametrize(
    ("aucs", "epoch"), [((0.6, 0.9, 0.7), 2), ((0.6, 0.9, 0.9), 2), ((0.5,), 1), ((0.1, 0.2), 2)]
)
def test_highest_auc_wins_and_of_equals_the_earliest(aucs, epoch):
    assert best_epoch(history(*aucs)) == epoch


def test_only_the_weights_of_the_best_epoch_are_read():
    def forbidden():
        raise AssertionError("read the weights of another epoch")

    weights = {1: forbidden, 2: partial(EpochWeights, 2, {}), 3: forbidden}
    assert best_weights(weights, history(0.6, 0.9, 0.7)).epoch == 2


def test_no_history_and_a_history_of_another_run_are_errors():
    with pytest.raises(SelectionError, match="no epoch; train first"):
        best_epoch([])
    with pytest.raises(SelectionError, match=r"epoch 2 .* epochs \[1\] are stored"):
        best_weights({1: partial(EpochWeights, 1, {})}, history(0.6, 0.9))


@pytest.mark.parametrize(
    ("aucs", "patience", "expected"),
    [
        ([], 1, False),
        ([0.5, 0.4], None, False),
        ([0.5], 1, False),
        ([0.5, 0.6, 0.6], 2, False),
        ([0.5, 0.6, 0.6, 0.59], 2, True),
        ([0.5, 0.6, 0.6, 0.61], 2, False),
    ],
)
def test_a_run_is_stalled_when_patience_brought_nothing_better(aucs, patience, expected):
    assert is_stalled(history(*aucs), patience) is expected


def folds_history(*rows):
    columns = ("val_auc", "val_auc_held_out_mean", "val_auc_held_out_worst")
    return [
        {"epoch": epoch} | dict(zip(columns, aucs, strict=True))
        for epoch, aucs in enumerate(rows, start=1)
    ]


@pytest.mark.parametrize(
    ("select_by", "epoch"), [("overall", 3), ("holdout_mean", 2), ("holdout_worst", 1)]
)
def test_the_epoch_and_the_end_follow_the_number_that_was_asked_for(select_by, epoch):
    history = folds_history((0.7, 0.5, 0.45), (0.8, 0.6, 0.4), (0.9, 0.55, 0.3))
    assert best_epoch(history, select_by) == epoch
    assert is_stalled(history, 1, select_by) is (epoch != 3)
    weights = {epoch: partial(EpochWeights, epoch, {}) for epoch in (1, 2, 3)}
    assert best_weights(weights, history, select_by).epoch == epoch


def test_epochs_without_held_out_folds_cannot_be_chosen_by_them():
    with pytest.raises(SelectionError, match=r"needs val_auc_held_out_worst, which .* not have"):
        best_epoch(history(0.6, 0.9), "holdout_worst")
    with pytest.raises(SelectionError, match="holdout_mean, but no group is held out"):
        check_what_to_select_by("holdout_mean", None, has_videos=True)
    check_what_to_select_by("overall", None, has_videos=False)


def test_epochs_are_chosen_by_videos_where_there_are_some():
    by_video = [row | {"val_auc_video": -row["val_auc"]} for row in history(0.6, 0.9, 0.7)]
    assert best_epoch(by_video, "video") == 1
    assert is_stalled(by_video, 2, "video")
    check_what_to_select_by("video", None, has_videos=True)
    with pytest.raises(SelectionError, match=r"validation has no videos of both classes; name"):
        check_what_to_select_by("video", None, has_videos=False)
