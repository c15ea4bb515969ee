"""The picture of the training shows its numbers."""

import io

import pytest

from face_forgery.evaluation.reporting.training_figures import draw_training

HISTORY = [
    {"epoch": 1, "train_loss": 0.7, "val_loss": 0.8, "val_auc": 0.6},
    {"epoch": 2, "train_loss": 0.5, "val_loss": 0.6, "val_auc": 0.9},
    {"epoch": 3, "train_loss": 0.3, "val_loss": 0.7, "val_auc": 0.8},
]


def test_losses_and_auc_are_drawn_and_the_best_epoch_is_marked():
    losses, aucs = draw_training(HISTORY, 2).axes
    assert [list(line.get_ydata()) for line in losses.lines] == [[0.7, 0.5, 0.3], [0.8, 0.6, 0.7]]
    curve, mark = aucs.lines
    assert list(curve.get_ydata()) == [0.6, 0.9, 0.8]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([2], [0.9])
    assert aucs.texts[0].get_text() == "0.900, epoch 2"
    assert "nats" in losses.get_ylabel()


@pytest.mark.parametrize("num_epochs", [1, 3])
def test_a_figure_can_be_written(num_epochs):
    buffer = io.BytesIO()
    draw_training(HISTORY[:num_epochs], 1).savefig(buffer, format="png")
    assert len(buffer.getvalue()) > 5000


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="no epoch"):
        draw_training([], 1)


def test_a_fold_that_looks_like_a_formula_is_text():
    history = [row | {"val_auc_held_out": {r"$\frac{1}$": 0.5}} for row in HISTORY]
    draw_training(history, 1).savefig(io.BytesIO(), format="png")
