"""What verdicts come to where forgeries are rare, and who gets the wrong ones."""

import pandas as pd
import pytest

from face_forgery.evaluation.consequences import count_errors, expect


def rate(value, low, high):
    return {"value": value, "low": low, "high": high}


POINTS = {
    "fpr": rate(0.01, 0.0, 0.05),
    "unsure_real": rate(0.1, 0.05, 0.2),
    "tpr": rate(0.8, 0.7, 0.9),
    "fnr": rate(0.05, 0.01, 0.1),
    "unsure_fake": rate(0.15, 0.1, 0.2),
}


def test_of_ten_thousand_images_few_flagged_ones_are_forged():
    found = expect(POINTS, 0.001)
    assert found["forged"] == pytest.approx(10)
    assert found["flagged_right"] == pytest.approx(rate(8, 7, 9))
    assert found["flagged_wrong"] == pytest.approx(rate(99.9, 0, 499.5))
    assert found["passed_wrong"] == pytest.approx(rate(0.5, 0.1, 1))
    assert found["passed_right"] == pytest.approx(rate(8891.1, 7492.5, 9490.5))
    assert found["left"] == pytest.approx(rate(1000.5, 500.5, 2000))
    assert found["precision"] == pytest.approx(rate(8 / 107.9, 7 / 506.5, 1.0))


def test_verdicts_add_up_to_all_images():
    found = expect(POINTS, 0.3)
    names = ("flagged_right", "flagged_wrong", "passed_right", "passed_wrong", "left")
    assert sum(found[name]["value"] for name in names) == pytest.approx(10_000)


def test_where_nothing_is_flagged_there_is_no_precision():
    none = POINTS | {"fpr": rate(0.0, 0.0, 0.1), "tpr": rate(0.0, 0.0, 0.1)}
    assert expect(none, 0.001)["precision"] is None


def test_errors_are_counted_where_they_fall_most_frequent_first():
    scores = pd.DataFrame(
        [
            (0.9, 0, "phones", "real"),
            (0.1, 0, "phones", "real"),
            (0.2, 0, "studio", "real"),
            (0.1, 1, "phones", "swap"),
            (0.5, 1, "studio", "swap"),
            (0.9, 1, "studio", "edit"),
        ],
        columns=["y_pred", "target", "source", "kind"],
    ).assign(group=range(6))
    points = {"real_threshold": 0.3, "fake_threshold": 0.7}
    found = count_errors(scores, points, confidence=0.95)
    shown = {
        name: [(row["name"], row["num"], row["count"]) for row in rows]
        for name, rows in found.items()
    }
    assert shown == {
        "alarms": [("phones", 2, 1), ("studio", 1, 0)],
        "misses": [("swap", 2, 1), ("edit", 1, 0)],
    }
    assert found["alarms"][1]["rate"]["high"] > 0.5  # one image says nothing
