"""Figures of scores show what they claim to show: axes, thresholds, counts."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex

from face_forgery.evaluation.reporting.score_figures import (
    draw_calibration,
    draw_comparison,
    draw_confusion,
    draw_roc,
    draw_scores,
)
from face_forgery.evaluation.reporting.style import FAKE_COLOR


def png_of(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def texts_in(axes):
    return [text.get_text() for text in axes.texts if text.get_text()]


def draw_all(judged):
    scores = judged["val_scores"]["y_pred"].to_numpy()
    targets = judged["val_scores"]["target"].to_numpy()
    return {
        "roc": draw_roc(judged["roc_curve"], judged["metrics"], judged["operating_points"]),
        "scores": draw_scores(scores, targets, judged["operating_points"]),
        "confusion": draw_confusion(targets, judged["verdicts"]),
        "calibration": draw_calibration(judged["calibration"]),
    }


@pytest.mark.parametrize("fpr", [0.04, 0.0])  # 0 is at the left end of the axis
def test_roc_shows_curve_operating_point_and_what_is_below_one_real_image(make_judged, fpr):
    judged = make_judged()
    judged["operating_points"] |= {"fpr": {"value": fpr}}
    axes = draw_all(judged)["roc"].axes[0]
    left_end, right_end = axes.get_xlim()
    assert (axes.get_xscale(), right_end) == ("log", 1.0)
    assert 1 / 75 / 5 < left_end < 1 / 75
    (shade,) = axes.patches
    assert shade.get_x() + shade.get_width() == pytest.approx(1 / 75)
    assert "below 1 of 75 real images" in texts_in(axes)
    curve = next(line for line in axes.lines if line.get_label() == "detector")
    assert curve.get_ydata().tolist() == judged["roc_curve"]["tpr"].tolist()
    marker = next(line for line in axes.lines if line.get_marker() == "o")
    points = judged["operating_points"]
    assert marker.get_xydata().tolist() == [[max(fpr, left_end), points["tpr"]["value"]]]
    assert f"AUC {judged['metrics']['auc']['value']:.3f}" in axes.get_title(loc="left")


def test_scores_are_counted_by_class_and_both_thresholds_drawn(make_judged):
    judged = make_judged()
    judged["operating_points"] |= {"fake_threshold": np.nextafter(1.0, 2.0)}
    figure = draw_all(judged)["scores"]
    axes = figure.axes[0]
    outlines = [patch for patch in axes.patches if patch.get_label().startswith(("real", "forged"))]
    assert [patch.get_label() for patch in outlines] == ["real (75)", "forged (75)"]
    reals = judged["val_scores"].query("target == 0")["y_pred"]
    expected, _ = np.histogram(reals, np.linspace(0, 1, 41))
    assert outlines[0].get_data().values.tolist() == expected.tolist()
    drawn = [line.get_xdata()[0] for line in axes.lines]
    points = judged["operating_points"]
    assert drawn == [points["real_threshold"], 1.0]  # inside the figure
    assert axes.get_yscale() == "log"
    assert "probability of forgery" in axes.get_xlabel()


def test_confusion_shows_every_count_and_proportion_of_its_row():
    targets = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    verdicts = np.array(["real", "real", "real", "fake", *["fake"] * 2, *["unsure"] * 2, "real"])
    axes = draw_confusion(targets, verdicts).axes[0]
    texts = texts_in(axes)
    numbers = [text for text in texts if "images" not in text]
    assert numbers == [
        *("3", "75.0%", "0", "0.0%", "1", "25.0%"),
        *("1", "20.0%", "2", "40.0%", "2", "40.0%"),
    ]
    colors = [to_hex(cell.get_facecolor()) for cell in axes.patches]
    assert colors[0] == colors[5] != colors[2] == colors[3] == FAKE_COLOR  # wrong verdicts


def test_reliability_is_drawn_before_and_after_with_its_counts(make_judged):
    calibration = make_judged()["calibration"]
    figure = draw_calibration(calibration)
    for column, state in enumerate(("before", "after")):
        diagram, counts = figure.axes[column], figure.axes[2 + column]
        proportions = [row["proportion"] for row in calibration[state]["bins"]]
        lines = [line.get_ydata().tolist() for line in diagram.get_lines()]
        assert proportions in lines
        assert [bar.get_height() for bar in counts.patches] == [
            row["count"] for row in calibration[state]["bins"]
        ]


def test_a_detector_whose_name_looks_like_a_formula_is_text():
    name, auc = r"$\frac{1}$", {"value": 0.5, "low": 0.4, "high": 0.6}
    found = {"num_real": 20, "detectors": {name: {"auc": auc}}}
    assert png_of(draw_comparison({name: np.linspace(0, 1, 40)}, np.arange(40) % 2, found))


@pytest.mark.parametrize("name", ["roc", "scores", "confusion", "calibration"])
def test_text_is_large_enough_where_a_page_shows_it(assert_readable, make_judged, name):
    assert_readable(draw_all(make_judged())[name])
