"""The figure of cross-validation shows the numbers, the worst group next to the mean."""

import io

from face_forgery.evaluation.reporting.fold_figure import draw_folds


def interval(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.03}


def fold(name, within, unseen):
    drop = interval(within - unseen)
    return {"name": name, "within": interval(within), "unseen": interval(unseen), "drop": drop}


RESULT = {
    "groups": [fold("lips", 0.95, 0.8), fold("swap", 0.94, 0.6)],
    "within_mean": interval(0.945),
    "unseen_mean": interval(0.7),
    "drop_mean": interval(0.245),
    "bootstrap": {"confidence": 0.95},
}


def test_each_fold_and_the_mean_have_a_row_with_both_numbers():
    (axes,) = draw_folds(RESULT).axes
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert labels == [
        "mean within 0.945, unseen 0.700",
        "swap within 0.940, unseen 0.600",
        "lips within 0.950, unseen 0.800",
    ]
    drawn = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 1]
    assert [float(x[0]) for x in drawn] == [0.945, 0.7, 0.94, 0.6, 0.95, 0.8]
    buffer = io.BytesIO()
    draw_folds(RESULT).savefig(buffer, format="png")
    assert len(buffer.getvalue()) > 5000


def test_a_fold_that_looks_like_a_formula_is_text():
    odd = RESULT | {"groups": [fold(r"$\frac{1}$", 0.95, 0.8)]}
    draw_folds(odd).savefig(io.BytesIO(), format="png")
